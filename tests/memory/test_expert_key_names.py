"""What each name that configs have for experts does, on a model of no known family, as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from test_family_sizes import JOB, MODELS
from test_family_walks import SHAPE, told

from vramlint.dialects.kit.dialect import Context
from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.families import expert_keys

DENSE: Mapping[str, Any] = {
    "model_type": "unheard_of",
    "architectures": ["UnheardOfForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 96,
}
NAMES = ("TOP", "OWN_WIDTH", "SHARED", "SHARED_WIDTH", "FIRST_DENSE", "EVERY", "SWITCHES")


def test_what_a_name_of_experts_does(snapshot: Callable[[str, str], None]) -> None:
    job = JOB.read({**SHAPE, "model": "gpt2"}, Context(MODELS)).job
    assert job is not None

    def line(config: Mapping[str, Any]) -> str:
        model = MODELS.from_config(config, "unheard-of")
        assert job is not None
        return told(replace(job, model=model)) if model is not None else "no model"

    lines = [f"as it is: {line(DENSE)}"]
    for name in NAMES:
        for key in getattr(expert_keys, name):
            without = {"TOP": "num_experts_per_tok", "OWN_WIDTH": "moe_intermediate_size"}.get(name, "")
            base = {each: value for each, value in DENSE.items() if each != without}
            for value in (False,) if name == "SWITCHES" else (1, 3, 48):
                lines.append(f"{name} {key} = {value}: {line({**base, key: value})}")
    snapshot("expert-names.txt", "\n".join(lines) + "\n")
