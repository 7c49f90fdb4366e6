"""What one more key makes of a file: the fields of the job that change, and what is said of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cache
from json import dumps
from typing import Any

from dialect_reading import MODELS
from dialect_seeds import MODEL, SEEDS, seed_of, with_values

from vramlint.dialects import load
from vramlint.dialects.kit.dialect import UNSET, Companion, Context, Dialect, Key, ReadResult
from vramlint.dialects.kit.run import Given, Launch
from vramlint.document.place import Place
from vramlint.job import FrameworkDefault, KeyPath, Written
from vramlint.lazy_dataclasses import replace
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
        "rotations": {"finetuning_type": "oft", "oft_target": "all"},
        "megatron": {"finetuning_type": "full", "tensor_model_parallel_size": 2},
    },
    "ms-swift": {
        "full": {"tuner_type": "full"},
        "adapter": {"quant_method": "bnb", "quant_bits": 4},
        "preferences": {"rlhf_type": "dpo"},
        "generation": {"rlhf_type": "grpo", "use_vllm": True, "vllm_mode": "colocate"},
        "megatron": {"tuner_type": "full", "tensor_model_parallel_size": 2, "micro_batch_size": 1},
        "classes": {"task_type": "seq_cls", "num_labels": 2},
        "megatron recomputing": {
            "tuner_type": "full",
            "tensor_model_parallel_size": 1,
            "micro_batch_size": 1,
            "recompute_granularity": "full",
        },
        "megatron adapter": {"tensor_model_parallel_size": 1, "micro_batch_size": 1},
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
    "deepspeed": {
        "partial": {"zero_optimization.stage": 2},
        "offloaded": {
            "zero_optimization.offload_optimizer": {"device": "cpu"},
            "zero_optimization.offload_param": {"device": "cpu"},
        },
    },
    "accelerate": {
        "shards": {"fsdp_config": {"fsdp_version": 2}},
        "replicas": {"distributed_type": "MULTI_GPU"},
        "zero": {"distributed_type": "DEEPSPEED", "deepspeed_config": {"zero_stage": 3}},
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
    "nemo": {
        "adapter": {"policy.dtensor_cfg.lora_cfg": {"enabled": True, "dim": 8}},
        "megatron": {
            "policy.dtensor_cfg.enabled": False,
            "policy.megatron_cfg": {"enabled": True, "tensor_model_parallel_size": 2},
        },
    },
    "oumi": {"full": {"training.use_peft": False}},
    "openrlhf": {
        "adapter": {"ds": {"zero_stage": 3, "load_in_4bit": True, "lora": {"rank": 8}}},
        "preferences": {"script": "openrlhf.cli.train_dpo"},
        "reward": {"script": "openrlhf.cli.train_rm"},
        "online": {
            "script": "openrlhf.cli.train_ppo_ray",
            "train.colocate_all": True,
            "actor": {"model_name_or_path": MODEL, "num_nodes": 1, "num_gpus_per_node": 2},
            "vllm": {"num_engines": 2, "enable_sleep": True},
        },
        "apart": {
            "script": "openrlhf.cli.train_ppo_ray",
            "actor": {"model_name_or_path": MODEL, "num_nodes": 1, "num_gpus_per_node": 2},
            "rollout.micro_batch_size": 4,
        },
    },
    "gpt-neox": {
        "gated": {
            "activation": "swiglu",
            "norm": "rmsnorm",
            "pos_emb": "rotary",
            "rotary_pct": 0.25,
            "tokenizer_type": "HFTokenizer",
            "hidden_size": 512,
        },
        "beside": {"gpt_j_residual": True, "pos_emb": "alibi", "hidden_size": 512, "hidden_dropout": 0.1},
        "shards": {"zero_optimization": {"stage": 3}, "bf16": {"enabled": True}, "hidden_size": 512},
    },
    "llm-foundry": {
        "loaded": {"model": {"name": "hf_causal_lm", "pretrained_model_name_or_path": MODEL}},
        "adapter": {
            "model": {
                "name": "hf_causal_lm",
                "pretrained_model_name_or_path": MODEL,
                "peft_config": {"peft_type": "LORA", "r": 8, "target_modules": "all-linear"},
            }
        },
        "shards": {"fsdp_config": {"sharding_strategy": "FULL_SHARD", "mixed_precision": "PURE"}},
        "grouped": {"model.attn_config": {"attn_type": "grouped_query_attention", "kv_n_heads": 1}},
    },
    "h2o-llm-studio": {
        "adapter": {"training.lora": True, "architecture.backbone_dtype": "int4"},
        "shards": {"environment.use_deepspeed": True, "environment.gpus": ["0", "1"]},
        "full": {"training.lora": False, "architecture.backbone_dtype": "float32"},
    },
    "nanotron": {
        "divided": {"parallelism.tp": 1, "parallelism.pp": 2, "optimizer.zero_stage": 0},
        "alone": {"parallelism.dp": 1, "parallelism.tp": 1, "optimizer.zero_stage": 0},
        "plain": {"model.model_config.is_llama_config": False, "model.model_config.is_qwen2_config": True},
    },
    "torchtitan": {
        "divided": {"parallelism": {"tensor_parallel_degree": 2}, "compile": {"enable": True}},
        "replicas": {"parallelism": {"data_parallel_replicate_degree": 2, "data_parallel_shard_degree": 1}},
        "stages": {"parallelism": {"pipeline_parallel_degree": 2, "pipeline_parallel_schedule": "1F1B"}},
        "experts": {"model": {"name": "deepseek_v3", "flavor": "16B"}},
    },
    "own-script": {
        "adapter": {"lora": {"r": 8, "alpha": 16}, "model.load_in_4bit": True},
        "shards": {"deepspeed": "ds.json", "gradient_checkpointing": True},
    },
}
"""What a file of a dialect can be about beside its seed: a key that does nothing in one does something in
another.
"""
KINDS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "llamafactory": {
        "second engine": {
            "model": MODEL,
            "micro_batch_size": 1,
            "cutoff_len": 512,
            "train_dataset": "x",
            "peft_config": {"name": "lora", "r": 8, "lora_alpha": 16},
            "dist_config": {"name": "fsdp2"},
        },
        "second engine, preferences": {
            "model": MODEL,
            "micro_batch_size": 1,
            "cutoff_len": 512,
            "train_dataset": "x",
            "pref_loss": "sigmoid",
            "pref_beta": 0.1,
            "quant_config": {"name": "bnb", "quantization_bit": 4},
            "peft_config": {"name": "freeze", "freeze_trainable_layers": 2},
            "dist_config": {"name": "deepspeed", "config_file": "ds.json"},
        },
    },
    "nemo": {
        "automodel": {
            "recipe": "TrainFinetuneRecipeForNextTokenPrediction",
            "step_scheduler": {"global_batch_size": 8, "local_batch_size": 1},
            "model": {
                "_target_": "nemo_automodel.NeMoAutoModelForCausalLM.from_pretrained",
                "pretrained_model_name_or_path": MODEL,
            },
            "distributed": {"strategy": "fsdp2"},
            "packed_sequence": {"packed_sequence_size": 512},
            "optimizer": {"_target_": "torch.optim.AdamW"},
        }
    },
    "prime-rl": {
        "fine-tuning": {
            "model": {"name": MODEL},
            "data": {"seq_len": 512, "batch_size": 8},
            "deployment": {"num_train_gpus": 2},
        },
        "rl": {
            "model": {"name": MODEL},
            "trainer": {"model": {"seq_len": 512}},
            "orchestrator": {"batch_size": 8},
            "inference": {},
        },
    },
}
"""Files of a dialect that have hardly a key in common with its seed."""
NUMBERS = (0, 3, 64)
MOST_WORDS = 8
FREE = ["x", 3, True, ["x"]]
"""What is tried at a key that lists no values."""
FROM = "from "
"""Of a field, instead of its value: where that comes from."""
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
    yield from ((name, dict(values)) for name, values in KINDS.get(dialect.name, {}).items())


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
            values = values or FREE
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
    """The fields that differ, as `field before → after`, what is said, and in brackets the fields that come
    from elsewhere than before: from the key itself, or from what is named.
    """
    if result.obstacle is not None:
        return f"no job: {result.obstacle.code} at {_dotted(result.obstacle.key)}"
    after = said(result)
    differs = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    changed = "; ".join(
        f"{name} {before.get(name, DEFAULT)} → {after.get(name, DEFAULT)}"
        for name in differs
        if not name.startswith(FROM)
    )
    own = [
        name.removeprefix(FROM) for name, source in after.items() if name.startswith(FROM) and source == path
    ]
    moved = [
        f"{name.removeprefix(FROM)} {after.get(name, DEFAULT)}"
        for name in differs
        if name.startswith(FROM) and after.get(name) != path
    ]
    sources = ", ".join([*sorted(own), *moved])
    return f"{changed} [{sources}]".strip() if sources else changed


def read(
    dialect: Dialect, values: Mapping[str, Any], versions: Mapping[str, str] | None = None
) -> ReadResult:
    """A file of a run on two GPUs, read; one that names no model, within a run that names the file."""
    context = Context(MODELS, gpu_count=2, gpu_declared=True, versions=versions or {})
    alone = dialect.read(values, context)
    if dialect.role != "companion":
        return alone
    here = Place(0, 0)
    launch = Launch(here, ("accelerate",), engine_file=Given("engine", here))
    within = replace(
        context,
        launch=launch if dialect.name == "accelerate" else None,
        open=lambda name: Companion(name, values, dialect.name) if name == "engine" else None,
    )
    named = {"deepspeed": "engine"} if dialect.name == "deepspeed" else {}
    run = load("trl").read({**SEEDS["trl"], **named}, within)
    return replace(run, problems=(*alone.problems, *run.problems))


def said(result: ReadResult) -> dict[str, str]:
    """The job, by dotted field, where it is not as a job that says nothing; where each field comes from, if
    not from the framework; what is wrong with the file, and where.
    """
    found = dict(_flat(result.job, "")) if result.job is not None else {}
    for field, origin in result.job.origins.items() if result.job is not None else ():
        if not isinstance(origin, FrameworkDefault):
            found[f"{FROM}{field}"] = _dotted(origin.key) if isinstance(origin, Written) else "assumed"
    for problem in result.problems:
        beside = "".join(f", {_dotted(key)}" for key in problem.related)
        fixed = "".join(f", fixed by {_dotted(key.path)} {key.value}" for key in problem.fix)
        found[f"says {problem.kind}"] = f"{problem.severity} at {_dotted(problem.key)}{beside}{fixed}"
    for unusable in result.unusable:
        found["unusable"] = _dotted(unusable.key)
    return found


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))


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
