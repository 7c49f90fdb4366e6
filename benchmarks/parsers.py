"""Reads real configs with the frameworks' own parsers and compares what decides memory with our reading.

    python benchmarks/parsers.py CORPUS [--page docs/parsers.md]

For development: runs where TRL, LLaMA-Factory, Axolotl, accelerate or DeepSpeed can be imported, on a CPU;
those that cannot are left out. CORPUS holds `index.jsonl`, a line a file with its `path` and `dialect`. A
file that the framework itself refuses is counted apart. Exits 1 if any value differs.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.update(DISABLE_VERSION_CHECK="1", DS_ACCELERATOR="cpu", TRANSFORMERS_VERBOSITY="error")

from vramlint.catalog.facts import Model
from vramlint.catalog.models import Models
from vramlint.dialects import load
from vramlint.dialects.kit.dialect import Companion, Context, ReadResult
from vramlint.document import Document
from vramlint.job import TrainingJob

Values = Mapping[str, Any]
LAUNCHED = {
    "model_name_or_path": "any",
    "dataset_name": "any",
    "per_device_train_batch_size": 1,
    "bf16": False,
}
"""A TRL config that leaves everything to its companion."""


class AnyModel(Models):
    """A catalog in which every name is the same model: parsers know nothing of models."""

    def model(self, name: str, folder: str | None = None) -> Model | None:
        return super().model("meta-llama/Llama-3.2-1B")


CATALOG = AnyModel()
VERBOSE = "PARSERS_VERBOSE" in os.environ
"""Print why files are not compared."""


class Refused(Exception):
    """The framework does not take the file, or the file is of a kind that is not compared."""


@dataclass(slots=True)
class Framework:
    """One framework: which folders of the corpus it reads, what its parser says, and what we say."""

    name: str
    package: str
    dialects: tuple[str, ...]
    theirs: Callable[[Values], Values]
    ours: Callable[[Values], Values]
    agreed: Counter[str] = field(default_factory=Counter)
    differed: list[str] = field(default_factory=list)
    files: int = 0
    refused: int = 0


def read(dialect: str, values: Values, companion: Values | None = None, kind: str = "") -> ReadResult:
    def opened(name: str) -> Companion | None:
        return None if companion is None else Companion(name, companion, kind)

    found = load(dialect)
    assert found is not None, dialect
    return found.read(values, Context(CATALOG, gpu_count=1, gpu_declared=True, open=opened))


def job_of(reading: ReadResult) -> TrainingJob:
    """The job of a reading. Files that we read as an older release's are not compared with the newest."""
    if reading.job is None or any(problem.kind == "older-release" for problem in reading.problems):
        raise Refused
    return reading.job


def trainer_values(values: Values) -> Values:
    from transformers import HfArgumentParser, TrainingArguments

    reading = read("trl", values)
    job_of(reading)
    if reading.version.startswith("5."):
        given = _without(values, "deepspeed", "fsdp", "fsdp_config", "accelerator_config")
        (parsed,) = HfArgumentParser((TrainingArguments,)).parse_dict(
            {"output_dir": "x", **given, "use_cpu": True}, allow_extra_keys=True
        )
        return _of_trainer(parsed)
    import trl

    objective = job_of(reading).objective
    config = getattr(
        trl, {"sft": "SFTConfig", "dpo": "DPOConfig", "grpo": "GRPOConfig"}.get(objective, ""), None
    )
    if config is None:
        raise Refused
    given = _without(values, "deepspeed", "fsdp", "fsdp_config", "use_vllm")
    given = {"output_dir": "x", **given, "use_cpu": True, "report_to": "none"}
    parsed, model = HfArgumentParser((config, trl.ModelConfig)).parse_dict(given, allow_extra_keys=True)
    found = dict(_of_trainer(parsed))
    found |= {"use_peft": model.use_peft, "4 bit": model.load_in_4bit, "attention": model.attn_implementation}
    if model.use_peft:
        found |= {"lora_r": model.lora_r, "lora_alpha": float(model.lora_alpha)}
    if objective == "sft" and parsed.max_length is not None:
        found |= {"length": parsed.max_length, "packing": parsed.packing or parsed.padding_free}
    return found


def _of_trainer(parsed: Any) -> Values:
    return {
        "micro batch": parsed.per_device_train_batch_size,
        "accumulation": parsed.gradient_accumulation_steps,
        "checkpointing": bool(parsed.gradient_checkpointing),
        "optimizer": str(getattr(parsed.optim, "value", parsed.optim)),
        "clipping": float(parsed.max_grad_norm) or None,
        "compile": bool(parsed.torch_compile),
        "autocast": "bfloat16" if parsed.bf16 else "float16" if parsed.fp16 else "none",
    }


def trainer_job(values: Values) -> Values:
    reading = read("trl", values)
    job = job_of(reading)
    found = {
        "micro batch": job.micro_batch_size,
        "accumulation": job.gradient_accumulation_steps,
        "checkpointing": job.gradient_checkpointing != "none",
        "optimizer": job.optimizer,
        "clipping": job.gradient_clipping,
        "compile": job.compile,
        "autocast": job.precision.autocast,
        "use_peft": job.adapter is not None,
        "4 bit": job.quantization is not None and "4" in job.quantization.scheme,
        "attention": values.get("attn_implementation") and job.attention,
        "length": job.sequence_length,
        "packing": job.packing,
    }
    if job.adapter is not None:
        found |= {"lora_r": job.adapter.r, "lora_alpha": float(job.adapter.alpha)}
    return found


def llamafactory_values(values: Values) -> Values:
    from llamafactory.hparams import parser

    # What the transformers of the release (up to 5.6) knows, and the one beside it here may not.
    older = ("warmup_ratio", *(name for name in values if name.startswith("kt_")))
    given = _without(values, "deepspeed", "fsdp", "fsdp_config", *older)
    arguments = {"output_dir": "x", "template": "default", **given, "use_cpu": True, "report_to": "none"}
    model, data, training, tuning, _ = parser._parse_train_args(arguments)
    found = {
        "micro batch": training.per_device_train_batch_size,
        "accumulation": training.gradient_accumulation_steps,
        "length": data.cutoff_len,
        # hparams/parser.py, get_train_args: pretraining packs unless told otherwise.
        "packing": data.neat_packing or (tuning.stage == "pt" if data.packing is None else data.packing),
        "checkpointing": not model.disable_gradient_checkpointing,
        "optimizer": str(getattr(training.optim, "value", training.optim)),
        "tuning": tuning.finetuning_type,
        "bits": model.quantization_bit,
    }
    if tuning.finetuning_type == "lora":
        found |= {"lora_r": tuning.lora_rank, "lora_alpha": float(tuning.lora_alpha)}
    return found


def llamafactory_job(values: Values) -> Values:
    job = job_of(read("llamafactory", values))
    bits = None if job.quantization is None else 8 if "8" in job.quantization.scheme else 4
    method = {"qlora": "lora", "dora": "lora"}.get(job.method, job.method)
    found = {
        "micro batch": job.micro_batch_size,
        "accumulation": job.gradient_accumulation_steps,
        "length": job.sequence_length,
        "packing": job.packing,
        "checkpointing": job.gradient_checkpointing != "none",
        "optimizer": job.optimizer,
        "tuning": method,
        "bits": bits if values.get("quantization_bit") is not None or bits is None else None,
    }
    if job.adapter is not None:
        found |= {"lora_r": job.adapter.r, "lora_alpha": float(job.adapter.alpha)}
    return found


def axolotl_values(values: Values) -> Values:
    from axolotl.utils.schemas.config import AxolotlInputConfig

    config = AxolotlInputConfig(**values)
    micro = config.micro_batch_size or 1
    found = {
        "micro batch": micro,
        # utils/config/__init__.py, normalize_config: what is left of the rows of a whole step.
        "accumulation": config.batch_size // micro
        if config.batch_size
        else config.gradient_accumulation_steps,
        "length": config.sequence_len,
        "packing": bool(config.sample_packing),
        "adapter": config.adapter,
    }
    if not config.activation_offloading:  # with an adapter it takes the place of checkpointing later on
        own = config.fsdp_config.activation_checkpointing if config.fsdp_config else None
        found["checkpointing"] = bool(config.gradient_checkpointing) or bool(own)
    if config.adapter in ("lora", "qlora"):
        found |= {"lora_r": config.lora_r, "lora_alpha": float(config.lora_alpha or 0) or None}
    return found


def axolotl_job(values: Values) -> Values:
    job = job_of(read("axolotl", values))
    found = {
        "micro batch": job.micro_batch_size,
        "accumulation": job.gradient_accumulation_steps,
        "length": job.sequence_length,
        "packing": job.packing,
        "checkpointing": job.gradient_checkpointing != "none",
        "adapter": None if job.adapter is None else values.get("adapter"),
    }
    if job.adapter is not None:
        found |= {"lora_r": job.adapter.r, "lora_alpha": float(job.adapter.alpha)}
    return found


def accelerate_values(values: Values) -> Values:
    from accelerate.commands.config.config_args import ClusterConfig

    if "distributed_type" not in values:
        raise Refused
    known = {name: value for name, value in values.items() if name in ClusterConfig.__dataclass_fields__}
    if set(values) - set(known):
        raise Refused
    silent = {
        "compute_environment": "LOCAL_MACHINE",
        "mixed_precision": "no",
        "use_cpu": False,
        "debug": False,
    }
    config = ClusterConfig(**{**silent, **known})
    kind = getattr(config.distributed_type, "value", config.distributed_type)
    found: dict[str, Any] = {"processes": config.num_processes} if config.num_processes > 0 else {}
    if kind == "FSDP":
        version = int((config.fsdp_config or {}).get("fsdp_version", 1))
        found |= {"engine": f"fsdp{version}", "offload": bool(config.fsdp_config.get("fsdp_offload_params"))}
    elif kind == "DEEPSPEED" and "deepspeed_config_file" not in (config.deepspeed_config or {}):
        stage = int(config.deepspeed_config.get("zero_stage", 2))
        found |= {"engine": f"zero{stage}"}
    elif kind == "MULTI_GPU" and config.num_processes > 1:
        found |= {"engine": "ddp"}
    return found


def accelerate_job(values: Values) -> Values:
    job = job_of(read("trl", {**LAUNCHED, "accelerate_config": "launcher.yaml"}, values, "accelerate"))
    return {
        "processes": job.parallel.world_size,
        "engine": job.parallel.strategy,
        "offload": job.parallel.offload == "both",
    }


def deepspeed_values(values: Values) -> Values:
    from deepspeed.runtime.zero.config import DeepSpeedZeroConfig

    section = values.get("zero_optimization")
    if not isinstance(section, Mapping):
        raise Refused
    given = {name: value for name, value in section.items() if value != "auto"}
    parsed = DeepSpeedZeroConfig(**given)
    found: dict[str, Any] = {"stage": int(parsed.stage), "overlap": bool(parsed.overlap_comm)}
    for name, key in (("reduce", "reduce_bucket_size"), ("allgather", "allgather_bucket_size")):
        if section.get(key) != "auto":
            found[name] = float(getattr(parsed, key))
    if int(parsed.stage) == 3:
        for name, key in (("live", "max_live_parameters"), ("sub group", "sub_group_size")):
            found[name] = float(getattr(parsed, key))
    host = ("cpu", "nvme")
    moved = {
        "optimizer": parsed.offload_optimizer is not None and parsed.offload_optimizer.device in host,
        "parameters": parsed.offload_param is not None and parsed.offload_param.device in host,
    }
    if int(parsed.stage) > 0:
        words = [name for name, is_moved in moved.items() if is_moved]
        found["offload"] = "both" if len(words) == 2 else words[0] if words else "none"
    return found


def deepspeed_job(values: Values) -> Values:
    job = job_of(read("trl", {**LAUNCHED, "deepspeed": "ds.json", "num_processes": 8}, values, "deepspeed"))
    buckets = job.parallel.buckets
    strategy = job.parallel.strategy
    return {
        "stage": int(strategy[4:]) if strategy.startswith("zero") else 0,
        "overlap": buckets.overlap_comm,
        "reduce": float(buckets.reduce),
        "allgather": float(buckets.allgather),
        "live": float(buckets.live),
        "sub group": float(buckets.sub_group),
        "offload": job.parallel.offload,
    }


def _without(values: Values, *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


FRAMEWORKS = (
    Framework("TRL and Trainer", "trl", ("trl", "hf-trainer"), trainer_values, trainer_job),
    Framework("LLaMA-Factory", "llamafactory", ("llamafactory",), llamafactory_values, llamafactory_job),
    Framework("Axolotl", "axolotl", ("axolotl",), axolotl_values, axolotl_job),
    Framework("Accelerate", "accelerate", ("accelerate",), accelerate_values, accelerate_job),
    Framework("DeepSpeed", "deepspeed", ("deepspeed",), deepspeed_values, deepspeed_job),
)


def compare(framework: Framework, name: str, values: Values) -> None:
    """Compare one file; a value that only one side has is not compared."""
    framework.files += 1
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            theirs = framework.theirs(values)
            ours = framework.ours(values)
    except ImportError:
        raise
    except Exception as reason:
        framework.refused += 1
        if VERBOSE:
            print(f"{name}: not compared: {type(reason).__name__} {' '.join(str(reason).split())[:200]}")
        return
    for key in theirs.keys() & ours.keys():
        if theirs[key] == ours[key]:
            framework.agreed[key] += 1
        else:
            framework.differed.append(f"{name}: {key} is {theirs[key]!r} there, {ours[key]!r} here")


def files(corpus: Path, dialects: tuple[str, ...]) -> Iterator[tuple[str, Values]]:
    for line in (corpus / "index.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        path = corpus / record["path"]
        if record["dialect"] in dialects and not record.get("parse_error"):
            values = Document.parse(path.read_text(encoding="utf-8"), str(path)).values()
            if isinstance(values, Mapping):
                yield record["path"], values


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(importlib.import_module(package), "__version__", "?"))


def page(done: list[Framework]) -> str:
    """The table for the documentation."""
    rows = [
        "# Agreement with the frameworks' own parsers",
        "",
        "Real configs of public repositories, read by the framework's own parser and by vramlint: every",
        "value that decides memory and that both state is compared. Written by `benchmarks/parsers.py`. Not",
        "compared are files that the framework refuses, that name no model, that were written for an older",
        "release, or that vramlint gives no estimate for.",
        "",
        "| framework | release | files | not compared | values compared | different | which values |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for each in done:
        total = sum(each.agreed.values()) + len(each.differed)
        names = ", ".join(sorted(each.agreed))
        cells = (each.name, version(each.package), each.files, each.refused, total, len(each.differed), names)
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(rows) + "\n"


def main() -> int:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("corpus", type=Path)
    arguments.add_argument("--page", type=Path)
    options = arguments.parse_args()
    done = []
    for framework in FRAMEWORKS:
        try:
            importlib.import_module(framework.package)
            for name, values in files(options.corpus, framework.dialects):
                compare(framework, name, values)
        except ImportError as error:
            print(f"{framework.name}: left out, {error}", file=sys.stderr)
            continue
        done.append(framework)
        print(*framework.differed, sep="\n")
    text = page(done)
    print(text)
    if options.page:
        options.page.write_text(text, encoding="utf-8")
    return 1 if any(framework.differed for framework in done) else 0


if __name__ == "__main__":
    sys.exit(main())
