"""How much of each kind of model an adapter trains, by the name that is targeted or saved whole; in the words
of each framework.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from test_config_keys_of_parts import shallow
from test_family_sizes import MODELS, smallest
from test_family_walks import job_of

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory.estimate import CannotEstimate
from vramlint.memory.model import estimate_job
from vramlint.memory.targets import MLP_LINEARS, OTHER_NAMES
from vramlint.memory.weights import WHOLE_MODULES

TYPES = (
    "bert", "bloom", "deepseek_v2", "falcon", "gemma2", "gpt2", "gpt_neox", "gpt_neo", "gptj", "llama",
    "mixtral", "mpt", "opt", "phi", "phi3", "qwen2_moe",
)  # fmt: skip
LINEARS = (
    *sorted(MLP_LINEARS), "q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "query_key_value", "dense",
    "out_proj", "c_attn", "Wqkv", "query", "gate", "experts", "self_attn.q_proj", "layers.0.mlp.fc1",
    r".*\.(up|c)_.*",
)  # fmt: skip


def adapters() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each adapter with what it is called."""
    for runtime, names in OTHER_NAMES.items():
        for name in names:
            yield f"{runtime} {name}", {"runtime": runtime, "adapter": {"targets": [name]}}
    for name in LINEARS:
        yield name, {"adapter": {"targets": [name]}}
    for names in WHOLE_MODULES.values():
        for name in sorted(names):
            saved = {"targets": ["none-such"], "modules_to_save": [name]}
            yield f"saved {name}", {"adapter": saved}
            yield f"target {name}", {"adapter": {"targets": [name]}}


def trained(job: TrainingJob) -> str:
    """How many parameters are trained, of how many."""
    try:
        estimate = estimate_job(job)
    except CannotEstimate as cannot:
        return cannot.code
    return f"{estimate.trainable_parameters:,} of {estimate.parameters:,}"


@pytest.mark.parametrize("name", TYPES)
def test_what_a_name_adapts(name: str, snapshot: Callable[[str, str], None]) -> None:
    known = next(model for model in smallest() if model.model_type == name)
    model = MODELS.from_config(shallow(known.config), "x")
    assert model is not None
    by_count: dict[str, list[str]] = {}
    for said, run in adapters():
        job = job_of(known, {"method": "lora", **run})
        assert job is not None
        by_count.setdefault(trained(replace(job, model=model)), []).append(said)
    lines = [f"{count}: {', '.join(names)}" for count, names in by_count.items()]
    snapshot(f"targets-{name}.txt", "\n".join(lines) + "\n")
