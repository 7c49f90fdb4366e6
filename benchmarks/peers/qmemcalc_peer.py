"""qmemcalc 0.1.1, called on a folder with the model's config.json."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from peers import NotAttempted, Peer
from peers.reading import checkpointed, one_gpu, only

OPTIMIZERS = {
    "adamw": "adamw",
    "adamw_torch": "adamw",
    "adamw_torch_fused": "adamw",
    "adamw_hf": "adamw",
    "deepspeed_adamw": "adamw",
    "paged_adamw_32bit": "paged_adamw_32bit",
    "sgd": "sgd",
}
QUANTIZATIONS = {"bnb-nf4": "4bit", "bnb-fp4": "4bit", "gptq-int4": "4bit", "bnb-int8": "8bit"}
PRECISIONS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


def estimate(case: Any) -> float:
    """Bytes (it counts megabytes of 10^6)."""
    from qmemcalc import estimate_memory

    job = case.job
    one_gpu(job)
    only(case.method, ("full", "lora", "qlora", "lora8"), "method")
    quantization, adapter = job.get("quantization"), job.get("adapter")
    scheme = (
        QUANTIZATIONS[only(quantization["scheme"], QUANTIZATIONS, "quantization")] if quantization else "none"
    )
    optimizer = OPTIMIZERS[only(job["optimizer"], OPTIMIZERS, "optimizer")]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(dict(job["model"])))
        try:
            answer = estimate_memory(
                folder,
                job["micro_batch_size"],
                job["sequence_length"],
                lora_r=adapter["r"] if adapter else 0,
                precision=PRECISIONS[job["precision"]["weights"]],
                quantization=scheme,
                optimizer=optimizer,
                num_trainable_params=None if adapter else case.parameters,
                gradient_checkpointing=checkpointed(job),
            )
        except (ValueError, KeyError, OSError, AttributeError) as refused:
            raise NotAttempted("a model that transformers does not have") from refused
    return float(answer["total_MB"]) * 1e6


PEER = Peer(
    "qmemcalc",
    "0.1.1",
    "called",
    (
        "any config of transformers on one GPU; full (through its count of trained parameters), LoRA by "
        "rank, 4 and 8 bit; six optimizers"
    ),
    estimate,
)
