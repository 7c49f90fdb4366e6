"""What one more key makes of a file: the fields of the job that change, and what is said of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cache
from json import dumps
from typing import Any

from dialect_reading import MODELS
from dialect_seeds import MODEL, seed_of, with_values

from vramlint.dialects.kit.dialect import UNSET, Context, Dialect, Key, ReadResult
from vramlint.dialects.kit.reader import split
from vramlint.job import Written
from vramlint_schemas import load_schema

SHARDED = {
    "fsdp": ["full_shard", "auto_wrap"],
    "fsdp_config": {"transformer_layer_cls_to_wrap": "LlamaDecoderLayer"},
}
ADAPTED = {"use_peft": True, "load_in_4bit": True}
BASES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "job": {
        "adapter": {"method": "qlora"},
        "preferences": {"objective": "dpo", "method": "lora"},
        "generation": {"objective": "grpo", "generation.engine": "vllm"},
        "shards": {"parallel.strategy": "fsdp2", "parallel.data": 2},
        "stages": {
            "parallel.strategy": "zero1",
            "parallel.data": 2,
            "parallel.pipeline": 2,
            "runtime": "megatron",
        },
    },
    "axolotl": {
        "adapter": {"adapter": "qlora", "load_in_4bit": True, "lora_r": 8, "lora_target_linear": True},
        "shards": {
            "fsdp_version": 2,
            "fsdp_config": {"offload_params": False, "reshard_after_forward": True},
        },
        "preferences": {"rl": "dpo", "adapter": "lora", "lora_target_linear": True},
        "generation": {"rl": "grpo", "trl": {"use_vllm": True, "num_generations": 4}},
    },
    "trl": {
        "adapter": ADAPTED,
        "shards": SHARDED,
        "preferences": {**ADAPTED, "loss_type": "sigmoid", "beta": 0.1},
        "generation": {"num_generations": 4, "max_completion_length": 64, "use_vllm": True},
    },
    "llamafactory": {
        "full": {"finetuning_type": "full"},
        "adapter": {"quantization_bit": 4, "lora_target": "all"},
        "shards": {"finetuning_type": "full", **SHARDED},
        "preferences": {"stage": "dpo", "pref_loss": "sigmoid"},
    },
    "ms-swift": {
        "full": {"tuner_type": "full"},
        "adapter": {"quant_method": "bnb", "quant_bits": 4},
        "preferences": {"rlhf_type": "dpo"},
        "generation": {"rlhf_type": "grpo", "use_vllm": True, "vllm_mode": "colocate"},
    },
    "torchtune": {
        "adapter": {
            "model": {
                "_component_": "torchtune.models.llama3_1.lora_llama3_1_8b",
                "lora_attn_modules": ["q_proj", "v_proj"],
                "lora_rank": 8,
            }
        }
    },
    "unsloth": {
        "adapter": {"model": "unsloth/SmolLM2-360M-Instruct-bnb-4bit", "training.load_in_4bit": True}
    },
    "litgpt": {"adapter": {"quantize": "bnb.nf4", "lora_query": True}},
    "verl": {
        "adapter": {"model.lora_rank": 8},
        "rl": {
            "actor_rollout_ref": {
                "model": {"path": MODEL},
                "actor": {"ppo_micro_batch_size_per_gpu": 2},
                "rollout": {"name": "vllm"},
            }
        },
    },
    "nemo": {"adapter": {"policy.dtensor_cfg.lora_cfg": {"enabled": True, "dim": 8}}},
    "oumi": {"full": {"training.use_peft": False}},
    "openrlhf": {"adapter": {"ds": {"zero_stage": 3, "load_in_4bit": True, "lora": {"rank": 8}}}},
}
"""What a file of a dialect can be about beside its seed: a key that does nothing in one does something in
another.
"""
NUMBERS = (0, 3, 64)
MOST_WORDS = 8
DEFAULT = "·"
"""As a job that says nothing of it."""
SECTIONS = ("precision", "kernels", "parallel", "roles")
"""Parts of a job that are always there."""


ELSEWHERE: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("verl", "seed"): ("actor_rollout_ref.", "critic.", "algorithm."),
    ("verl", "adapter"): ("actor_rollout_ref.", "critic.", "algorithm."),
    ("verl", "rl"): ("model.", "engine.", "optim.", "ulysses"),
    ("prime-rl", "seed"): ("trainer.", "orchestrator.", "inference."),
}
"""Keys of another kind of file, which a base would become with them."""


def bases(dialect: Dialect) -> Iterator[tuple[str, dict[str, Any]]]:
    """The seed, and the same with what decides which keys count."""
    seed = seed_of(dialect)
    yield "seed", seed
    for name, changes in BASES.get(dialect.name, {}).items():
        yield name, with_values(seed, changes)


def tried(dialect: Dialect, base: str) -> Iterator[tuple[str, list[Any]]]:
    """Each key of the table, with values that it takes; for the seed also the schema's others, with one."""
    in_table: dict[str, list[Any]] = {}
    for row in dialect.keys:
        values = in_table.setdefault(row.path, [])
        values += [*row.choices, *row.offered][:MOST_WORDS]
        if isinstance(row.default, bool):
            values += [True, False]
        elif isinstance(row.default, int | float):
            values += NUMBERS
    others: dict[str, list[Any]] = {}
    if dialect.schema is not None:
        _of_schema(load_schema(dialect.schema), "", in_table, others)
    elsewhere = ELSEWHERE.get((dialect.name, base), ())
    for path, values in (in_table | others if base == "seed" else in_table).items():
        if not path.startswith(elsewhere):
            yield path, list({dumps(value): value for value in values}.values())


def _of_schema(
    section: Mapping[str, Any], above: str, in_table: Mapping[str, list[Any]], others: dict[str, list[Any]]
) -> None:
    """Give the keys of the table the words of the schema, and each other key one value."""
    for name, inner in section.get("properties", {}).items():
        path, kind = f"{above}{name}", inner.get("x-type", inner.get("type", ""))
        words = [each for each in (*inner.get("enum", ()), *inner.get("x-enum", ())) if each is not None]
        if path in in_table:
            in_table[path].extend(words)
        elif words or "bool" in kind:
            others[path] = [words[0] if words else not inner.get("default")]
        elif "int" in kind or "float" in kind or "number" in kind:
            others[path] = [3]
        if "x-plugin" not in inner:
            _of_schema(inner, f"{path}.", in_table, others)


def effect(before: Mapping[str, str], result: ReadResult, path: str) -> str:
    """The fields that differ, as `field before → after`, the kinds of what is said, and in brackets those
    that come from the key.
    """
    if result.obstacle is not None:
        return f"no job: {result.obstacle.code}"
    after = said(result)
    changed = "; ".join(
        f"{name} {before.get(name, DEFAULT)} → {after.get(name, DEFAULT)}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )
    origins = result.job.origins if result.job is not None else {}
    own = [
        name for name, origin in origins.items() if isinstance(origin, Written) and origin.key == split(path)
    ]
    return f"{changed} [{', '.join(sorted(own))}]".strip() if own else changed


def read(dialect: Dialect, values: Mapping[str, Any]) -> ReadResult:
    """A file of a run on two GPUs, read."""
    return dialect.read(values, Context(MODELS, gpu_count=2, gpu_declared=True))


def said(result: ReadResult) -> dict[str, str]:
    """The job, by dotted field, where it is not as a job that says nothing; what is wrong with the file."""
    found = dict(_flat(result.job, "")) if result.job is not None else {}
    for problem in result.problems:
        found[f"says {problem.kind}"] = problem.severity
    for unusable in result.unusable:
        found["unusable"] = ".".join(map(str, unusable.key))
    return found


def said_of(row: Key) -> str:
    """What the table says of a key, its prose left out."""
    facts = {
        "decides": row.field,
        "default": None if row.default is UNSET else dumps(row.default, default=str),
        "choices": ", ".join(dumps(choice) for choice in row.choices),
        "offered": ", ".join(row.offered),
        "since": row.since,
        "otherwise": ", ".join(f"{each}: {each.default!r}" for each in row.by_release),
    }
    return f"{row.path}: " + "; ".join(f"{name} {fact}" for name, fact in facts.items() if fact)


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    defaults = _defaults(type(value))
    if name == "model":
        yield name, f"{value.name}, {value.parameters} parameters"
    elif defaults is not None:
        if name and "." not in name and name not in SECTIONS:
            yield name, "there"
        for each, default in defaults.items():
            inner = getattr(value, each)
            if each != "origins" and (_defaults(type(inner)) is not None or inner != default):
                yield from _flat(inner, f"{name}.{each}" if name else each)
    elif isinstance(value, Mapping):
        yield name, dumps(dict(value), sort_keys=True, default=str)
    else:
        yield name, str(value)


@cache
def _defaults(kind: type) -> Mapping[str, Any] | None:
    """The fields of a record with their defaults; None of anything else."""
    if not dataclasses.is_dataclass(kind):
        return None
    made = {field.name: field.default_factory for field in dataclasses.fields(kind)}
    return {
        field.name: field.default if (make := made[field.name]) is dataclasses.MISSING else make()
        for field in dataclasses.fields(kind)
    }
