"""Counts the bytes that DeepSpeed's engine holds around the small Llama of `engines.py`, one rank of eight.
Writes data/deepspeed.json, which tests compare the memory model with.

Tensors are real and on the CPU (DeepSpeed's own CPU accelerator); the process group is PyTorch's fake one,
whose collectives move nothing. Weights are bfloat16, the optimizer is torch's AdamW without foreach, buckets
are small: 2,000,000 elements where a row names no other size.

    python benchmarks/deepspeed_engines.py   # with torch, transformers and deepspeed 0.19; minutes
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

from engines import RANKS, TOKENS, count_all, follower, model_config

DATA = Path(__file__).resolve().parent / "data" / "deepspeed.json"
BUCKET = 2_000_000


def stage_3(reuse: int, prefetch: int = 0, live: int = 10**9) -> dict[str, int]:
    """Stage 3 that fetches `prefetch` elements ahead as long as fewer than `live` are there, and keeps what
    is needed again within `reuse` elements.
    """
    return {
        "stage3_prefetch_bucket_size": prefetch,
        "stage3_max_live_parameters": live,
        "stage3_max_reuse_distance": reuse,
        "stage3_param_persistence_threshold": 0,
    }


CASES: tuple[dict[str, Any], ...] = (
    {"stage": 1},
    {"stage": 1, "batches": 2},
    {"stage": 1, "overlap": True},
    {"stage": 1, "overlap": True, "batches": 2},
    {"stage": 1, "accumulate": "fp32"},
    {"stage": 1, "accumulate": "fp32", "batches": 2},
    {"stage": 2},
    {"stage": 2, "batches": 2},
    {"stage": 2, "bucket": 16_000_000},
    {"stage": 2, "accumulate": "fp32", "batches": 2},
    {"stage": 3, "zero": stage_3(10**9)},
    {"stage": 3, "vocabulary": 512, "zero": stage_3(0)},
    {"stage": 3, "vocabulary": 512, "zero": stage_3(5_000_000)},
    {"stage": 3, "vocabulary": 512, "zero": stage_3(10**9)},
    {"stage": 3, "vocabulary": 512, "zero": stage_3(0, 400_000, 3_000_000)},
    {"stage": 3, "vocabulary": 512, "zero": stage_3(3_000_000, 400_000, 3_000_000)},
)
"""`accumulate`: DeepSpeed's `data_types.grad_accum_dtype`; `bucket`: elements of `reduce_bucket_size`."""


def config_of(case: dict[str, Any]) -> dict[str, Any]:
    """DeepSpeed's configuration of a case."""
    zero = {
        "stage": case["stage"],
        "reduce_bucket_size": case.get("bucket", BUCKET),
        "overlap_comm": case.get("overlap", False),
        **case.get("zero", {}),
    }
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": case.get("batches", 1),
        "bf16": {"enabled": True},
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "gradient_clipping": 1.0,
    }
    if "accumulate" in case:
        config["data_types"] = {"grad_accum_dtype": case["accumulate"]}
    return config


def count(case: dict[str, Any]) -> dict[str, float]:
    """Bytes of everything a parameter of the model, by phase, of a step in its steady state."""
    os.environ.update(DS_ACCELERATOR="cpu", RANK="0", LOCAL_RANK="0", WORLD_SIZE=str(RANKS))
    import torch
    import torch.distributed as dist
    import transformers
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", rank=0, world_size=RANKS, store=FakeStore())
    import deepspeed

    config = transformers.LlamaConfig(**model_config(case), use_cache=False)
    with follower() as alive:
        model: Any = transformers.LlamaForCausalLM(config).bfloat16()
        model.gradient_checkpointing_enable({"use_reentrant": False})
        parameters = sum(parameter.numel() for parameter in model.parameters())
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, foreach=False)
        engine, *_ = deepspeed.initialize(model=model, optimizer=optimizer, config=config_of(case))
        gc.collect()
        rows = torch.zeros(1, TOKENS, dtype=torch.int64)
        for _ in range(3):
            alive.peaks.clear()
            for _ in range(case.get("batches", 1)):
                alive.phase = "forward"
                loss = engine(input_ids=rows, labels=rows).loss
                alive.phase = "backward"
                engine.backward(loss)
                alive.phase = "optimizer"
                engine.step()
                alive.phase = "between"
                del loss
    return {
        phase: round(alive.peaks[phase] / parameters, 3) for phase in ("forward", "backward", "optimizer")
    }


if __name__ == "__main__":
    count_all(__file__, count, CASES, "bytes_per_parameter", DATA)
