"""Counts the bytes that real sharding engines hold: FSDP 1 and 2 of PyTorch around a small Llama of
transformers, one rank of eight. Writes data/engines.json, which tests compare the memory model with.

Tensors are real and on the CPU; the process group is PyTorch's fake one, whose collectives move nothing. A
dispatch hook knows every storage, and after each operator adds up what is alive, so that buffers which an
engine resizes to nothing and back are seen. Rows are short, so that weights and gradients decide.

Known difference from a GPU: FSDP 1 frees a unit's weights there when the GPU is done with them, so that two
units are held in forward; here one.

    python benchmarks/engines.py          # in an environment with torch and transformers; minutes
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent / "data" / "engines.json"
RANKS, TOKENS = 8, 8
SMALL = {"hidden_size": 256, "intermediate_size": 1024, "num_attention_heads": 4, "num_key_value_heads": 4}
CASES: tuple[dict[str, Any], ...] = (
    {"engine": "fsdp2", "reduce": "float32"},
    {"engine": "fsdp2", "reduce": "bfloat16"},
    {"engine": "fsdp2", "reduce": "float32", "vocabulary": 512},
    {"engine": "fsdp2", "reduce": "float32", "vocabulary": 512, "layers": 12, "tied": True},
    {"engine": "fsdp2", "reduce": "float32", "one_root": True},
    {"engine": "fsdp2", "reduce": "float32", "resharded": False, "vocabulary": 512},
    {"engine": "fsdp2", "reduce": "float32", "batches": 4},
    {"engine": "fsdp2", "reduce": "float32", "batches": 2, "vocabulary": 512},
    {"engine": "fsdp2", "reduce": "bfloat16", "batches": 4},
    {"engine": "fsdp2", "reduce": "float32", "batches": 4, "synced": True},
    {"engine": "fsdp1", "reduce": "float32", "vocabulary": 512},
    {"engine": "fsdp1", "reduce": "bfloat16"},
    {"engine": "fsdp1", "reduce": "bfloat16", "batches": 2, "vocabulary": 512},
    {"engine": "fsdp1", "reduce": "bfloat16", "batches": 4, "vocabulary": 512},
    {"engine": "fsdp1", "reduce": "float32", "resharded": False, "vocabulary": 512},
    {"engine": "fsdp1", "reduce": "bfloat16", "resharded": False, "batches": 4, "vocabulary": 512},
    {"engine": "fsdp1", "reduce": "float32", "batches": 4, "vocabulary": 512},
    {"engine": "fsdp1", "reduce": "bfloat16", "batches": 4, "synced": True, "vocabulary": 512},
    {"engine": "fsdp1", "reduce": "float32", "vocabulary": 512, "layers": 12, "tied": True},
    {"engine": "fsdp1", "reduce": "float32", "vocabulary": 512, "wrap": "none"},
    {"engine": "fsdp1", "reduce": "bfloat16", "vocabulary": 512, "wrap": "none"},
    {"engine": "fsdp1", "reduce": "bfloat16", "vocabulary": 512, "wrap": "none", "batches": 2},
    {"engine": "fsdp2", "reduce": "float32", "resharded": False, "batches": 4, "vocabulary": 512},
    {"engine": "fsdp2", "reduce": "bfloat16", "one_root": True, "tied": True},
    {"engine": "fsdp2", "reduce": "float32", "one_root": True, "batches": 4},
    {"engine": "fsdp1", "reduce": "float32", "vocabulary": 512, "prefetch": "none"},
    {"engine": "fsdp1", "reduce": "bfloat16", "prefetch": "none"},
    {"engine": "fsdp1", "reduce": "bfloat16", "batches": 2, "vocabulary": 512, "prefetch": "none"},
    {"engine": "fsdp1", "reduce": "float32", "resharded": False, "vocabulary": 512, "prefetch": "none"},
    {"engine": "fsdp1", "reduce": "bfloat16", "batches": 4, "synced": True, "prefetch": "none"},
    {"engine": "fsdp1", "reduce": "float32", "vocabulary": 512, "wrap": "none", "prefetch": "none"},
    {"engine": "fsdp1", "reduce": "float32", "vocabulary": 512, "prefetch": "post"},
    {"engine": "fsdp1", "reduce": "bfloat16", "prefetch": "post"},
    {"engine": "fsdp1", "reduce": "bfloat16", "batches": 2, "vocabulary": 512, "prefetch": "post"},
)
"""`one_root`: embedding and head belong to the root unit, as before accelerate 1.15. `synced`: gradients are
reduced after every micro batch. `resharded`: after forward. `wrap`: what is a unit, none for the model alone.
`prefetch`: when backward gathers the next unit, else before this one's gradients.
"""
PREFETCH = {"none": None, "pre": "BACKWARD_PRE", "post": "BACKWARD_POST"}


def model_config(case: dict[str, Any]) -> dict[str, Any]:
    """The small model of a case, as keys of config.json."""
    return {
        **SMALL,
        "num_hidden_layers": case.get("layers", 6),
        "vocab_size": case.get("vocabulary", 4096),
        "tie_word_embeddings": case.get("tied", False),
    }


def count(case: dict[str, Any]) -> dict[str, int]:
    """Bytes on top of the sharded weights, by phase, of a step in its steady state."""
    import torch
    import torch.distributed as dist
    import transformers
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", rank=0, world_size=RANKS, store=FakeStore())
    config = transformers.LlamaConfig(**model_config(case), use_cache=False)
    model: Any = transformers.LlamaForCausalLM(config).float()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    wrap = wrapped_1 if case["engine"] == "fsdp1" else wrapped_2
    with follower() as alive:
        model = wrap(model.train(), case)
        gc.collect()
        base = alive.now()
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, foreach=False)
        rows = torch.zeros(1, TOKENS, dtype=torch.int64)
        for _ in range(3):
            alive.peaks.clear()
            step(model, rows, case, alive)
            alive.phase = "optimizer"
            alive.see()
            optimizer.step()
            optimizer.zero_grad()
            alive.phase = "between"
    return {phase: alive.peaks[phase] - base for phase in ("forward", "backward", "optimizer")}


def step(model: Any, rows: Any, case: dict[str, Any], alive: Any) -> None:
    """All micro batches of a step, as transformers' Trainer runs them."""
    batches = case.get("batches", 1)
    for index in range(batches):
        waits = index < batches - 1 and not case.get("synced")
        second = case["engine"] == "fsdp2"
        if second:
            model.set_requires_gradient_sync(not waits)
        with model.no_sync() if waits and not second else nullcontext():
            alive.phase = "forward"
            loss = model(input_ids=rows, labels=rows).loss
            alive.phase = "backward"
            loss.backward()
        del loss


def wrapped_1(model: Any, case: dict[str, Any]) -> Any:
    """FSDP 1, each layer a unit."""
    import torch
    from torch.distributed.fsdp import (
        BackwardPrefetch,
        FullyShardedDataParallel,
        MixedPrecision,
        ShardingStrategy,
    )

    prefetch = PREFETCH[case.get("prefetch", "pre")]
    layer = type(model.model.layers[0])
    full = case.get("resharded", True)

    def policy(module: Any, recurse: bool, nonwrapped_numel: int) -> bool:
        return recurse or isinstance(module, layer)

    return FullyShardedDataParallel(
        model,
        device_id=torch.device("cpu"),
        use_orig_params=True,
        auto_wrap_policy=None if case.get("wrap") == "none" else policy,
        mixed_precision=MixedPrecision(torch.bfloat16, getattr(torch, case["reduce"]), torch.bfloat16),
        sharding_strategy=ShardingStrategy.FULL_SHARD if full else ShardingStrategy.SHARD_GRAD_OP,
        backward_prefetch=BackwardPrefetch[prefetch] if prefetch else None,
    )


def wrapped_2(model: Any, case: dict[str, Any]) -> Any:
    """FSDP 2, units as accelerate makes them (utils/fsdp_utils.py, fsdp2_prepare_model)."""
    import torch
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    policy = MixedPrecisionPolicy(torch.bfloat16, getattr(torch, case["reduce"]))
    full = case.get("resharded", True)
    if case.get("wrap") == "none":
        return fully_shard(model, mp_policy=policy)
    for layer in model.model.layers:
        fully_shard(layer, mp_policy=policy, reshard_after_forward=full)
    inner, tied = model.model, model.config.tie_word_embeddings
    if not case.get("one_root"):
        tail = [inner.norm, inner.embed_tokens, model.lm_head] if tied else [inner.norm, model.lm_head]
        if not tied:
            fully_shard(inner.embed_tokens, mp_policy=policy, reshard_after_forward=full)
        fully_shard(tail, mp_policy=policy, reshard_after_forward=False)
    return fully_shard(model, mp_policy=policy)


def follower() -> Any:
    """A dispatch mode that knows every storage made inside it."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Follower(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.storages: dict[int, Any] = {}
            self.phase = "setup"
            self.peaks: dict[str, int] = {}

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            for leaf in tree_leaves(result):
                if isinstance(leaf, torch.Tensor) and leaf.device.type != "meta":
                    storage = leaf.untyped_storage()
                    if storage._cdata not in self.storages:
                        self.storages[storage._cdata] = weakref.ref(storage)
                        weakref.finalize(storage, self.storages.pop, storage._cdata, None)
            self.see()
            return result

        def now(self) -> int:
            found = [reference() for reference in list(self.storages.values())]
            return sum(storage.nbytes() for storage in found if storage is not None)

        def see(self) -> None:
            self.peaks[self.phase] = max(self.peaks.get(self.phase, 0), self.now())

    return Follower()


def count_all(
    script: str, count: Callable[[Any], object], cases: Sequence[Mapping[str, Any]], result: str, data: Path
) -> None:
    """Count every case in a process of its own that runs `script`, since a process group is made once, and
    write the rows with what was counted under `result`.
    """
    if len(sys.argv) > 1:
        print(json.dumps(count(json.loads(sys.argv[1]))))
        return
    rows = []
    for case in cases:
        run = [sys.executable, script, json.dumps(case)]
        answer = subprocess.run(run, capture_output=True, text=True, check=True).stdout
        rows.append({**case, result: json.loads(answer.splitlines()[-1])})
        print(json.dumps(rows[-1]), flush=True)
    data.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    count_all(__file__, count, CASES, "bytes", DATA)
