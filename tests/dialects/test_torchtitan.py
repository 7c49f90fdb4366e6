"""What torchtitan makes of a job config in TOML."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from dialect_reading import edited, expect, job_of, reading, value_at

from vramlint.dialects.torchtitan.read import DIALECT
from vramlint.document import Document
from vramlint.lazy_dataclasses import replace
from vramlint.memory import estimate_job

BASE: dict[str, Any] = {
    "model": {"name": "llama3", "flavor": "8B"},
    "training": {"local_batch_size": 2, "seq_len": 8192},
    "parallelism": {"data_parallel_shard_degree": -1},
}


def changed(**values: Any) -> dict[str, Any]:
    """The base config with values set; `a__b` stands for the key b of section a."""
    out = copy.deepcopy(BASE)
    for name, value in values.items():
        section, _, key = name.partition("__")
        out.setdefault(section, {})[key] = value
    return out


@pytest.mark.parametrize(
    ("config", "gpus", "fields"),
    [
        pytest.param(
            BASE,
            8,
            {
                "model.name": "meta-llama/Llama-3.1-8B",
                "objective": "pretrain",
                "method": "full",
                "precision.weights": "float32",
                "precision.autocast": "none",
                "parallel.strategy": "fsdp2",
                "parallel.data": 8,
                "parallel.param_dtype": "bfloat16",
                "parallel.reduce_dtype": "float32",
                "micro_batch_size": 2,
                "gradient_accumulation_steps": 1,
                "sequence_length": 8192,
                "gradient_checkpointing": 2,
                "optimizer": "adamw_torch_fused",
                "loop": "freed",
                "loss": "full-logits",
                "gradient_clipping": 1.0,
            },
            id="defaults",
        ),
        pytest.param(
            BASE, 1, {"parallel.strategy": "none", "precision.autocast": "bfloat16"}, id="one GPU: autocast"
        ),
        pytest.param(
            changed(parallelism__data_parallel_replicate_degree=8, parallelism__data_parallel_shard_degree=1),
            8,
            {"parallel.strategy": "ddp", "parallel.data": 8, "precision.autocast": "bfloat16"},
            id="replicated",
        ),
        pytest.param(
            changed(parallelism__data_parallel_replicate_degree=2),
            8,
            {"parallel.data": 4, "parallel.replicate": 2},
            id="hybrid",
        ),
        pytest.param(
            changed(parallelism__tensor_parallel_degree=4),
            8,
            {"parallel.tensor": 4, "parallel.sequence": True, "parallel.data": 2},
            id="tensor",
        ),
        pytest.param(
            changed(parallelism__pipeline_parallel_degree=2),
            8,
            {
                "parallel.pipeline": 2,
                "micro_batch_size": 1,
                "gradient_accumulation_steps": 2,
                "parallel.sharding": "grad-op",
            },
            id="pipeline",
        ),
        pytest.param(
            changed(parallelism__context_parallel_degree=2),
            8,
            {"parallel.context": 2, "parallel.data": 4, "parallel.strategy": "fsdp2"},
            id="context",
        ),
        pytest.param(changed(training__dtype="bfloat16"), 8, {"precision.weights": "bfloat16"}, id="bf16"),
        pytest.param(
            changed(training__global_batch_size=64), 8, {"gradient_accumulation_steps": 4}, id="global"
        ),
        pytest.param(
            changed(training__enable_cpu_offload=True), 8, {"parallel.offload": "both"}, id="offload"
        ),
        pytest.param(
            changed(activation_checkpoint__mode="full"), 8, {"gradient_checkpointing": "full"}, id="full"
        ),
        pytest.param(
            changed(activation_checkpoint__mode="none"), 8, {"gradient_checkpointing": "none"}, id="none"
        ),
        pytest.param(
            changed(activation_checkpoint__selective_ac_option="op"),
            8,
            {"gradient_checkpointing": "selective-op"},
            id="op",
        ),
        pytest.param(
            changed(optimizer__name="AdamW", optimizer__implementation="foreach"),
            8,
            {"optimizer": "adamw_torch"},
            id="foreach",
        ),
        pytest.param(
            changed(compile__enable=True, compile__components=["loss"]),
            8,
            {"compile": False, "loss": "compiled"},
            id="compiled loss",
        ),
        pytest.param(
            changed(compile__enable=True, compile__components=["model"]),
            8,
            {"compile": True, "loss": "full-logits"},
            id="compiled layers",
        ),
        pytest.param(
            changed(training__compile=True),
            8,
            {"compile": True, "loss": "compiled"},
            id="both compiled",
        ),
        pytest.param(
            changed(
                training__compile=True,
                training__batch_size=2,
                experimental__context_parallel_degree=1,
            ),
            8,
            {"compile": True, "loss": "full-logits"},
            id="before 0.1 the loss is not compiled",
        ),
        pytest.param(
            changed(
                training__local_batch_size=16,
                training__batch_size=16,
                training__data_parallel_shard_degree=2,
                experimental__pipeline_parallel_degree=4,
            ),
            8,
            {"micro_batch_size": 4, "gradient_accumulation_steps": 4},
            id="before 0.1 a step had as many micro batches as stages",
        ),
        pytest.param(
            changed(model__converters=["quantize.linear.float8"]),
            8,
            {"precision.fp8": "tensorwise"},
            id="float8",
        ),
        pytest.param(
            changed(model__converters=["float8"], float8__recipe_name="rowwise"),
            8,
            {"precision.fp8": "rowwise"},
            id="float8 up to 0.1",
        ),
    ],
)
def test_fields(config: dict[str, Any], gpus: int, fields: dict[str, Any]) -> None:
    expect(job_of(config, gpus=gpus), fields)


@pytest.mark.parametrize(
    ("config", "kind", "key"),
    [
        (
            changed(parallelism__tensor_parallel_degree=16),
            "degrees-exceed-world",
            "parallelism.tensor_parallel_degree",
        ),
        (
            changed(training__seq_len=8190, parallelism__tensor_parallel_degree=4),
            "indivisible-length",
            "training.seq_len",
        ),
        (
            changed(optimizer__early_step_in_backward=True, parallelism__pipeline_parallel_degree=2),
            "in-backward-conflict",
            "optimizer.early_step_in_backward",
        ),
        (changed(training__global_batch_size=17), "indivisible-batch", "training.global_batch_size"),
    ],
)
def test_what_torchtitan_refuses(config: dict[str, Any], kind: str, key: str) -> None:
    found = [(p.kind, ".".join(map(str, p.key)), p.severity) for p in reading(config, gpus=8).problems]
    assert found == [(kind, key, "error")]


def test_a_clean_file_has_no_problems() -> None:
    assert reading(BASE, gpus=8).problems == ()


def test_toml_as_it_is_written() -> None:
    sections = ('[model]\nname = "llama3"\nflavor = "8B"', "[training]\nseq_len = 4_096", "[parallelism]\n")
    text = "\n".join((*sections, "tensor_parallel_degree = 1\n"))
    job = job_of(Document.parse(text, "train.toml").values())
    assert job.sequence_length == 4096


def test_an_unknown_flavor() -> None:
    obstacle = reading(changed(model__name="flux", model__flavor="flux-dev")).obstacle
    assert obstacle is not None
    assert (obstacle.code, obstacle.key) == ("unknown-model", ("model", "flavor"))


@pytest.mark.parametrize(
    "changes",
    [
        {"gradient_checkpointing": "full"},
        {"gradient_checkpointing": "selective-op"},
        {"gradient_checkpointing": 4},
        {"micro_batch_size": 1, "gradient_accumulation_steps": 2},
        {"sequence_length": 4096},
        {"precision.weights": "bfloat16"},
        {"parallel.offload": "both"},
        {"parallel.tensor": 2},
    ],
    ids=str,
)
def test_edits_read_back_as_what_was_asked(changes: dict[str, Any]) -> None:
    edits = DIALECT.edits(BASE, job_of(BASE, gpus=8), changes)
    assert edits
    job = job_of(edited(BASE, edits), gpus=8)
    assert {name: value_at(job, name) for name in changes} == changes


@pytest.mark.parametrize(("stages", "chunks", "layers"), [(2, 2, 9), (6, 2, 3), (5, 2, None), (8, 1, None)])
def test_layers_of_a_chunk(stages: int, chunks: int, layers: int | None) -> None:
    """Of 32 layers with embedding and head, in as many chunks of equal size as are asked for."""
    asked = {
        "parallel.pipeline": stages,
        "parallel.virtual_pipeline": chunks,
        "parallel.schedule": "interleaved",
    }
    keys = DIALECT.edits(BASE, job_of(BASE, gpus=8), asked)
    said = {".".join(map(str, key.path)): key.value for key in keys or ()}
    assert said.get("parallelism.pipeline_parallel_layers_per_stage") == layers
    assert (keys is None) == (layers is None)


def test_adapters_cannot_be_said() -> None:
    assert DIALECT.edits(BASE, job_of(BASE), {"method": "lora"}) is None


@pytest.mark.parametrize(
    ("policy", "pipeline", "sharding"),
    [("default", 1, "full"), ("default", 2, "grad-op"), ("never", 1, "grad-op"), ("always", 2, "full")],
)
def test_weights_stay_gathered_by_policy(policy: str, pipeline: int, sharding: str) -> None:
    config = changed(
        parallelism__fsdp_reshard_after_forward=policy, parallelism__pipeline_parallel_degree=pipeline
    )
    assert job_of(config, gpus=8).parallel.sharding == sharding


@pytest.mark.parametrize(("context", "refused"), [(1, False), (2, True)])
def test_only_context_parallelism_wants_twice_its_degree(context: int, refused: bool) -> None:
    """8,194 tokens divide by a tensor degree of 2 and by no 4."""
    config = changed(
        training__seq_len=8194,
        parallelism__tensor_parallel_degree=2,
        parallelism__context_parallel_degree=context,
    )
    kinds = {problem.kind for problem in reading(config, gpus=8).problems}
    assert ("indivisible-length" in kinds) is refused


OLD = changed(
    training__batch_size=4, training__data_parallel_degree=2, experimental__pipeline_parallel_degree=2
)
for _section, _key in (("training", "local_batch_size"), ("parallelism", "data_parallel_shard_degree")):
    del OLD[_section][_key]


def test_several_keys_of_older_releases_date_the_file() -> None:
    """torchtitan 2024-07 (train_configs/llama3_8b.toml): degrees in [training] and [experimental]."""
    found = reading(OLD, gpus=4)
    assert [(problem.kind, problem.severity) for problem in found.problems] == [
        ("older-release", "information")
    ]
    job = found.job
    assert job is not None
    assert (job.parallel.data, job.parallel.pipeline) == (2, 2)


def test_one_old_key_is_a_mistake() -> None:
    assert not reading(changed(training__batch_size=4)).problems


def test_a_loss_in_chunks_holds_those_of_one_at_a_time() -> None:
    def needed(**values: Any) -> int:
        made = job_of(changed(activation_checkpoint__mode="full", **values), gpus=8)
        return estimate_job(made).device_bytes

    rows, words, width = 2 * 8192, 128256, 4096
    whole, two, three = needed(), needed(loss__num_chunks=2), needed(loss__num_chunks=3)
    assert two < whole - rows * words * 4
    # Logits in 16 bits, their log-softmax and two gradients in float32, and what the allocator rounds up.
    assert 14 <= (two - three) / ((rows // 2 - rows // 3) * words) < 16
    # Beside a chunk, the head's gradient adds up in float32.
    fused = estimate_job(
        replace(job_of(changed(activation_checkpoint__mode="full"), gpus=8), loss="fused-linear")
    )
    assert needed(loss__num_chunks=4) - fused.device_bytes > words * width * 2


def test_a_loss_in_chunks_leaves_nothing_open() -> None:
    made = job_of(changed(loss__num_chunks=8))
    assert made.loss == 8
    assert made.written("loss") == ("loss", "num_chunks")
