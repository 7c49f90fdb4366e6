"""Files of every dialect with any values under their keys: analysis answers, whatever they are."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from properties import examples

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.dialects import detect, load_all
from vramlint.dialects.kit.dialect import Dialect
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace
from vramlint_schemas import load_schema

MODEL = "HuggingFaceTB/SmolLM2-360M"
EXAMPLES = Path(__file__).parents[2] / "examples"
SEEDS: dict[str, dict[str, Any]] = {
    "job": {"vramlint": 1, "model": MODEL},
    "axolotl": {"base_model": MODEL, "datasets": [{"path": "x", "type": "alpaca"}], "micro_batch_size": 1},
    "trl": {
        "model_name_or_path": MODEL,
        "per_device_train_batch_size": 1,
        "output_dir": "x",
        "dataset_name": "x",
    },
    "llamafactory": {"model_name_or_path": MODEL, "stage": "sft", "finetuning_type": "lora", "template": "x"},
    "torchtune": {
        "model": {"_component_": "torchtune.models.llama3_1.llama3_1_8b"},
        "tokenizer": {"_component_": "torchtune.models.llama3.llama3_tokenizer"},
    },
    "torchtitan": {"model": {"name": "llama3", "flavor": "8B"}, "training": {"local_batch_size": 1}},
    "deepspeed": {"zero_optimization": {"stage": 3}, "train_micro_batch_size_per_gpu": 1},
    "accelerate": {"compute_environment": "LOCAL_MACHINE", "distributed_type": "FSDP", "num_processes": 2},
    "unsloth": {"model": MODEL, "training": {"training_type": "lora", "max_seq_length": 512}},
    "verl": {
        "model": {"partial_pretrain": MODEL},
        "data": {"micro_batch_size_per_gpu": 1},
        "trainer": {"n_gpus_per_node": 2, "nnodes": 1},
    },
    "nemo": {
        "sft": {},
        "policy": {
            "model_name": MODEL,
            "train_micro_batch_size": 1,
            "max_total_sequence_length": 512,
            "dtensor_cfg": {"enabled": True},
            "optimizer": {"name": "torch.optim.AdamW"},
        },
        "cluster": {"gpus_per_node": 2},
    },
    "gpt-neox": {
        "num_layers": 2,
        "hidden_size": 8,
        "num_attention_heads": 2,
        "seq_length": 8,
        "pipe_parallel_size": 1,
        "model_parallel_size": 1,
    },
    "llm-foundry": {"model": {"name": "mpt_causal_lm"}, "max_seq_len": 8, "device_train_microbatch_size": 1},
    "ms-swift": {"model": MODEL, "tuner_type": "lora"},
    "prime-rl": {"model": {"name": MODEL}, "deployment": {"num_train_gpus": 2}},
    "h2o-llm-studio": {"llm_backbone": MODEL},
    "own-script": {"model": {"name": MODEL}, "max_length": 8, "per_device_train_batch_size": 1},
    "skypilot": {"resources": {"accelerators": "A100:8"}, "run": "axolotl train x.yaml"},
    "litgpt": {"checkpoint_dir": f"checkpoints/{MODEL}", "train": {"micro_batch_size": 1}, "lora_r": 8},
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**33), 2**66)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        ["auto", "1e-5", "true", "cpu", "bf16", "flash_attention_2", "adamw_torch", "${x}", MODEL]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def values_of(dialect: Dialect) -> st.SearchStrategy[dict[str, Any]]:
    """The seed with keys that the dialect reads, at any depth, holding anything."""
    names = {key.path for key in dialect.keys}
    if dialect.schema:
        names |= set(load_schema(dialect.schema)["properties"])
    return st.dictionaries(st.sampled_from(sorted(names)), VALUES, max_size=5).map(
        lambda changes: _nested(seed_of(dialect), changes)
    )


def _nested(seed: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(seed))
    for path, value in changes.items():
        *above, last = path.split(".")
        place = made
        for name in above:
            inner = place.get(name)
            if not isinstance(inner, dict):
                inner = place[name] = {}
            place = inner
        place[last] = value
    return made


def seed_of(dialect: Dialect) -> dict[str, Any]:
    """A file that the dialect reads: a seed, or its example."""
    if dialect.name in SEEDS:
        return SEEDS[dialect.name]
    (example, *_) = sorted(EXAMPLES.glob(f"{dialect.name}-*"))
    values: dict[str, Any] = Document.parse(example.read_text(), example.name).root.value  # type: ignore[union-attr]
    return values


@pytest.mark.parametrize("dialect", load_all(), ids=lambda dialect: dialect.name)
def test_every_dialect_has_a_seed(dialect: Dialect) -> None:
    assert detect(seed_of(dialect)).name == dialect.name


@pytest.mark.parametrize("dialect", load_all(), ids=lambda dialect: dialect.name)
def test_any_value(dialect: Dialect, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)

    @examples(60, tuple(HealthCheck))
    @given(values_of(dialect))
    def answers(values: dict[str, Any]) -> None:
        text = f"// vramlint: dialect={dialect.name}\n{json.dumps(values)}"
        analysis = analyse(Document.parse(text, str(tmp_path / "x.jsonc")), workspace, Overrides(gpu="T4 x2"))
        assert analysis.dialect is dialect
        assert analysis.cannot is None or analysis.cannot.code != "internal-error", analysis.cannot
        for finding in analysis.findings:
            fixes_for(analysis, finding)

    answers()
