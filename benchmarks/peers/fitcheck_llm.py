"""fitcheck-llm 0.3.1, called."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from peers import NotAttempted, Peer
from peers.reading import ADAMW, ADAMW_8BIT, LLAMA_LINEARS, checkpointed, mixed, one_gpu, only

QUANTIZATIONS = {"bnb-nf4": "nf4", "bnb-int8": "int8"}
ALSO_CALLED = {
    "q": "q_proj",
    "k": "k_proj",
    "v": "v_proj",
    "o": "o_proj",
    "output_proj": "o_proj",
    "w1": "gate_proj",
    "w2": "down_proj",
    "w3": "up_proj",
}
"""LitGPT's and torchtune's names of the layers that it knows."""


def estimate(case: Any) -> float:
    """Bytes: tensors where the run was measured as allocated, else its whole total."""
    from fitcheck import ModelConfig, TrainingConfig, config_parser, get_gpu
    from fitcheck import estimate as run

    job = case.job
    one_gpu(job)
    only(case.method, ("full", "lora", "qlora", "lora8"), "method")
    adapter, quantization = job.get("adapter"), job.get("quantization")
    if adapter and adapter.get("modules_to_save"):
        raise NotAttempted("modules trained whole beside an adapter")
    targets = list(LLAMA_LINEARS)
    if adapter and adapter["targets"] != "all-linear":
        targets = [_target(name) for name in adapter["targets"]]
    scheme = (
        QUANTIZATIONS[only(quantization["scheme"], QUANTIZATIONS, "quantization")] if quantization else "none"
    )
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            config_parser._reject_unsupported(job["model"], case.id)
            fields = config_parser._parse_fields(job["model"])
            count = config_parser._reconcile_param_count(
                case.id, case.parameters, config_parser._count_params(fields)
            )
    except config_parser.UnsupportedModelError as refused:
        raise NotAttempted("an architecture that it refuses") from refused
    except ValueError as refused:
        raise NotAttempted("a config.json without Llama's keys") from refused
    sizes = {name: getattr(fields, name) for name in fields.__dataclass_fields__}
    weights = job["precision"]["weights"]
    report = run(
        ModelConfig(name=case.id, num_params=count, **sizes),
        TrainingConfig(
            precision="fp32"
            if weights == "float32" and not mixed(job)
            else "fp16"
            if weights == "float16"
            else "bf16",
            quantization=scheme,
            double_quant=scheme == "nf4" and bool(quantization["double_quant"]),
            optimizer=_optimizer(job["optimizer"]),
            optimizer_dtype="bf16" if case.method == "full" and weights == "bfloat16" else "fp32",
            batch_size=job["micro_batch_size"],
            seq_len=job["sequence_length"],
            lora_rank=adapter["r"] if adapter else None,
            lora_targets=targets,
            grad_checkpoint=checkpointed(job),
            flash_attn=job["attention"] != "eager",
        ),
        get_gpu("a100-80"),
    )
    overhead = report.overhead_mib if case.total == "peak_allocated_bytes" else 0.0
    return float(report.total_mib - overhead) * 2**20


def _target(name: str) -> str:
    plain = name.partition(" ")[0]
    return str(only(ALSO_CALLED.get(plain, plain), LLAMA_LINEARS, "LoRA target"))


def _optimizer(name: str) -> str:
    if name in ADAMW:
        return "adamw"
    return "adam8bit" if name in ADAMW_8BIT else only(name, ("sgd",), "optimizer")


PEER = Peer(
    "fitcheck-llm",
    "0.3.1",
    "called",
    (
        "dense Llama-shaped decoders on one GPU; full, LoRA on Llama's seven linear layers, NF4 and int8; "
        "AdamW, 8-bit Adam, SGD"
    ),
    estimate,
)
