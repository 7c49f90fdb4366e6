"""Inputs by their structure: documents, values at the keys of every dialect, and what surrounds them."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import strategies as st

from fuzz.pieces import PIECES
from fuzz.seeds import seeds
from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Dialect
from vramlint_schemas import load_schema

MODELS = ("HuggingFaceTB/SmolLM2-360M", "meta-llama/Llama-3.1-8B", "./model", "nobody/unheard-of", "../x", "")
WORDS = (
    *("auto", "true", "no", "1e-5", "1e3", "cpu", "bf16", "fp8", "flash_attention_2", "eager", "adamw_torch"),
    *("adamw_bnb_8bit", "galore_adamw", "lora", "qlora", "full", "grpo", "dpo", "ppo", "FULL_SHARD", "zero3"),
    *("all-linear", "${x}", "${oc.env:X,1}", "{{ x }}", "???", "\x1b[2J", "\u202e", "::error::", "8GiB"),
    "[v](u)",
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**33), 2**66)
    | st.sampled_from([0, 1, -1, 2, 3, 4, 8, 16, 64, 512, 4096])
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(WORDS + MODELS)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
CONFIG_KEYS = (
    *("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
    *("head_dim", "intermediate_size", "vocab_size", "tie_word_embeddings", "num_local_experts"),
    *("num_experts", "text_config", "moe_intermediate_size", "layer_types", "sliding_window"),
    *("quantization_config", "torch_dtype", "parameters", "n_routed_experts", "q_lora_rank"),
    *("kv_lora_rank", "vision_config", "max_position_embeddings", "architectures"),
)
_TYPES = st.sampled_from(
    ["llama", "qwen3_moe", "gemma3", "mamba2", "t5", "bert", "deepseek_v3", "gpt_oss", "x", ""]
)


def mutations(kind: str) -> st.SearchStrategy[str]:
    """A seed with pieces cut out, put in and moved."""

    def cut(text: str, edits: list[tuple[float, float, str]]) -> str:
        for start, length, piece in edits:
            at = int(start * len(text))
            text = text[:at] + piece + text[at + int(length * 20) :]
        return text

    edit = st.tuples(st.floats(0, 1), st.floats(0, 1), PIECES | st.sampled_from(WORDS) | st.text(max_size=4))
    return st.builds(cut, st.sampled_from(seeds(kind)), st.lists(edit, max_size=5)) | PIECES


def keys_of(dialect: Dialect) -> tuple[str, ...]:
    """The dotted keys that a dialect knows."""
    names = {key.path for key in dialect.keys} | {old.path for old in dialect.renamed}
    if dialect.schema:
        names |= set(load_schema(dialect.schema)["properties"])
    return tuple(sorted(names))


@st.composite
def dialect_files(draw: st.DrawFn) -> str:
    """A file of any dialect with anything at some of its keys, in YAML or JSON."""
    dialect = draw(st.sampled_from(load_all()))
    changes = draw(st.dictionaries(st.sampled_from(keys_of(dialect)), VALUES, max_size=12))
    values: dict[str, Any] = {}
    for path, value in changes.items():
        put(values, path, value)
    for key in dialect.keys:
        if key.field == "model" and draw(st.booleans()):
            put(values, key.path, draw(st.sampled_from(MODELS)))
    gpu = draw(st.sampled_from(["RTX-4090", "T4 x2", "H100 x8 nodes=4", "MI300X x8", "nonsense", "24GiB x2"]))
    if draw(st.booleans()):
        return f"// vramlint: gpu={gpu} dialect={dialect.name}\n{json.dumps(values)}"
    return f"# vramlint: gpu={gpu} dialect={dialect.name}\n{yaml.safe_dump(values, allow_unicode=True)}"


def put(values: dict[str, Any], path: str, value: Any) -> None:
    """Set a dotted key."""
    *above, last = path.split(".")
    for name in above:
        inner = values.get(name)
        if not isinstance(inner, dict):
            inner = values[name] = {}
        values = inner
    values[last] = value


CONFIGS = st.fixed_dictionaries(
    {}, optional={name: _TYPES if name == "model_type" else VALUES for name in CONFIG_KEYS}
)


@st.composite
def companions(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A config that names a companion, with the companion's text."""
    dialect = draw(st.sampled_from([each for each in load_all() if each.name in ("deepspeed", "accelerate")]))
    values: dict[str, Any] = {}
    for path, value in draw(st.dictionaries(st.sampled_from(keys_of(dialect)), VALUES, max_size=8)).items():
        put(values, path, value)
    text = draw(st.just(json.dumps(values)) | mutations("json"))
    key = "deepspeed" if dialect.name == "deepspeed" else "accelerate_config"
    config = (
        f"model_name_or_path: {MODELS[0]}\ndataset_name: x\noutput_dir: y\nper_device_train_batch_size: 1\n"
        f"max_length: 64\n{key}: other.json\n"
    )
    return config, {"other.json": text}
