"""The JSON Schema of job files, from the fields of a job; `scripts/generate` writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

from vramlint.dialects.job_file.keys import KEYS
from vramlint.dialects.kit.dialect import UNSET, Key
from vramlint.job_fields.types import alternatives
from vramlint.vocabulary import LigerKernel

Schema = dict[str, Any]

_COUNT = {"type": "integer", "minimum": 1}
_MODEL = {"type": ["string", "object", "null"]}
_OF_TYPE: Mapping[Any, Schema] = {
    bool: {"type": ["boolean", "null"]},
    int: {"type": ["integer", "null"], "minimum": 1},
    float: {"type": ["number", "null"], "minimum": 0},
    str: {"type": ["string", "null"]},
    tuple[str, ...]: {"type": ["array", "string", "null"], "items": {"type": "string"}},
    tuple[int, ...]: {"type": ["array", "integer", "null"], "items": {"type": "integer"}},
}


def _words_or_number(key: Key, inside: str, boolean: bool) -> Schema:
    """Words, a number, or the number under a name."""
    number = {"type": "object", "properties": {inside: _COUNT}, "required": [inside]}
    nothing = {"type": ["boolean", "null"] if boolean else "null"}
    return {"anyOf": [{"enum": list(key.choices)}, _COUNT, number, nothing]}


_MODULES: Schema = {
    "type": "object",
    "properties": {"modules": {"type": "array", "items": {"type": "string"}}},
    "required": ["modules"],
}
_BUDGET: Schema = {
    "type": "object",
    "properties": {"budget": {"type": "number", "minimum": 0, "maximum": 1}},
    "required": ["budget"],
}
_WRITTEN_OTHERWISE: Mapping[str, Schema] = {
    "vramlint": {"const": 1},
    "model": {"type": ["string", "object"]},
    "adapter.targets": {"type": ["string", "array"], "items": {"type": "string"}},
    "precision.fp32_modules": {
        "type": ["array", "string", "null"],
        "items": {"enum": ["norms", "embeddings", "head", "router"]},
    },
    "optimizer_args": {"type": ["object", "null"]},
    "kernels.liger": {
        "type": ["array", "string", "null"],
        "items": {"enum": ["loss", *get_args(LigerKernel)]},
    },
    "gradient_clipping": {"type": ["number", "string", "null"]},
    "parallel.data": {
        "anyOf": [
            {"type": ["integer", "null"], "minimum": 1},
            {"type": "object", "properties": {"shard": _COUNT, "replicate": _COUNT}},
        ]
    },
    "generation.memory_fraction": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    **{f"roles.{name}": _MODEL for name in ("critic", "reward_model", "teacher", "reference")},
    "versions": {"type": ["object", "null"]},
    "gpu": {
        "type": ["string", "object", "null"],
        "x-unknown": "refused",
        "properties": {"memory": {"type": ["string", "number"]}, "count": _COUNT},
    },
    "ram": {"type": ["string", "integer", "null"]},
}
"""The keys that a file may write in forms that the field's type does not tell."""


def schema() -> Schema:
    """The schema of a job file."""
    whole: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "job",
        "x-framework": "vramlint",
        "x-version": "1",
        "x-string-number": "accepted",
        **_group(),
        "required": ["vramlint", "model"],
    }
    whole["type"] = "object"
    for key in KEYS:
        *groups, name = key.path.split(".")
        at = whole["properties"]
        for group in groups:
            at = at.setdefault(group, _group())["properties"]
        at[name] = _property(key)
    return whole


def text() -> str:
    """The schema as it is committed."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _group() -> Schema:
    return {"type": ["object", "null"], "x-unknown": "refused", "properties": {}}


def _property(key: Key) -> Schema:
    made = {**_form(key)}
    if key.default not in (UNSET, None, ()) and "const" not in made:
        made["default"] = key.default
    return made


def _form(key: Key) -> Schema:
    if key.path in _WRITTEN_OTHERWISE:
        return _WRITTEN_OTHERWISE[key.path]
    if key.path == "gradient_checkpointing":
        words = _words_or_number(key, "every", boolean=True)
        return {"anyOf": [*words["anyOf"], _MODULES, _BUDGET]}
    if key.path == "loss":
        return _words_or_number(key, "chunks", boolean=False)
    if key.choices:
        return {"enum": [*key.choices, None]}
    return _OF_TYPE[alternatives(key.path)[0]]
