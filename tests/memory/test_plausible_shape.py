"""Nonsense in a config.json is refused by the name of the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from llama import LLAMA_1B

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace


def check(folder: Path, **changes: Any) -> Analysis:
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text(json.dumps({**LLAMA_1B, **changes}))
    text = "base_model: ./model\nmicro_batch_size: 1\nsequence_len: 512\nadapter: lora\nlora_r: 8\n"
    text += "lora_target_linear: true\n"
    return analyse(Document.parse(text, str(folder / "x.yaml")), Workspace(folder), Overrides(gpu="H200"))


def test_a_sound_config_has_a_verdict(tmp_path: Path) -> None:
    assert check(tmp_path).verdict == "fits"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("num_key_value_heads", -8, "num_key_value_heads is -8"),
        ("num_hidden_layers", 10**7, "num_hidden_layers is more than 10,000"),
        ("vocab_size", 10**12, "vocab_size is more than 1,000,000,000"),
        ("hidden_size", "2048", "hidden_size is a text, not a number"),
        ("num_key_value_heads", 5, "num_attention_heads is 32, which num_key_value_heads 5 does not divide"),
        ("text_config", {"num_hidden_layers": -1}, "text_config.num_hidden_layers is -1"),
        ("vocab_size", 10**300, "vocab_size is more than 1,000,000,000"),
        ("text_config", 7, "text_config is not a mapping"),
        ("vision_config", True, "vision_config is not a mapping"),
        ("layer_types", 3, "layer_types is not a list"),
        ("layer_types", {"a": 1}, "layer_types is not a list"),
        ("mlp_only_layers", True, "mlp_only_layers is not a list"),
    ],
)
def test_nonsense_is_refused_by_name(field: str, value: Any, said: str, tmp_path: Path) -> None:
    analysis = check(tmp_path, **{field: value})
    assert analysis.verdict == "unknown"
    (finding,) = (found for found in analysis.findings if found.code == "VL104")
    assert finding.message == f"no verdict: in the config of ./model, {said}"
    assert finding.at.key == ("base_model",)


def test_a_section_without_a_model_may_be_a_switch(tmp_path: Path) -> None:
    assert check(tmp_path, encoder_config=False).verdict == "fits"
