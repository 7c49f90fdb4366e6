"""What a warm estimate costs: the memory model alone, on jobs that are there already. Medians of processor
time, which other programs on the machine do not change.

    python benchmarks/speed.py [RUNS] [--keep]

The bounds: an 8 B model in 1 ms, in 2 with QLoRA; a mixture of 671 B on 2,048 GPUs in 4 ms; with a replay
of the allocator 80 ms for 8 B and 250 ms for 70 B; 126 layers in 1.3 times what 2 take; and a thousandth of
what PyTorch's own MemTracker takes on fake tensors for the same step in the same run. The last needs an
environment with torch 2.13 and transformers 5.23 and is left out elsewhere; the memory model and the catalog
import nothing outside the standard library, so that environment needs no vramlint. `--keep` writes what was
found to data/speed.json.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import platform
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "benchmarks" / "data" / "speed.json"
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "schemas")]

from vramlint.catalog.facts import Model  # noqa: E402
from vramlint.catalog.models import Models  # noqa: E402
from vramlint.job import Adapter, Parallel, Precision, Quantization, TrainingJob  # noqa: E402
from vramlint.memory import estimate_job  # noqa: E402
from vramlint.memory.shared_walk import forget  # noqa: E402

CATALOG = Models()


@dataclass(frozen=True, slots=True)
class Row:
    """One bound: what was found, in `unit`, and the limit it must keep to (`least`: from below)."""

    name: str
    found: float
    limit: float
    unit: str
    least: bool = False

    @property
    def missed(self) -> bool:
        return self.found < self.limit if self.least else self.found > self.limit


def model(name: str) -> Model:
    """A model of the catalog."""
    found = CATALOG.model(name)
    if found is None:
        raise SystemExit(f"{name} is not in the catalog")
    return found


def dense_8b() -> TrainingJob:
    """Llama 3.1 8B, all weights trained in 16 bit, 1 × 2048, every layer checkpointed."""
    return TrainingJob(
        model("meta-llama/Llama-3.1-8B"),
        precision=Precision(weights="bfloat16"),
        optimizer="adamw_torch",
        gradient_checkpointing="full",
        loop="plain",
    )


def qlora_8b() -> TrainingJob:
    """The same model in NF4 with LoRA on every linear layer, under autocast."""
    return replace(
        dense_8b(),
        method="qlora",
        adapter=Adapter(r=16),
        quantization=Quantization(),
        precision=Precision(weights="bfloat16", autocast="bfloat16"),
    )


def mixture_671b() -> TrainingJob:
    """DeepSeek V3 over 16 pipeline stages and 128 data-parallel ranks that share 64 ways of experts."""
    parallel = Parallel("zero1", data=128, pipeline=16, expert=64)
    return replace(
        dense_8b(), model=model("deepseek-ai/DeepSeek-V3"), sequence_length=4096, parallel=parallel
    )


def deep(layers: int) -> TrainingJob:
    """Llama 3.1 405B with that many of its layers."""
    whole = model("meta-llama/Llama-3.1-405B")
    return replace(dense_8b(), model=replace(whole, config={**whole.config, "num_hidden_layers": layers}))


def dense_70b() -> TrainingJob:
    """Llama 3.1 70B like the smaller one, shared by eight GPUs."""
    parallel = Parallel("fsdp2", data=8)
    return replace(dense_8b(), model=model("meta-llama/Llama-3.1-70B"), parallel=parallel)


def milliseconds(job: TrainingJob, runs: int, replayed: bool = False) -> float:
    """Median processor time of one estimate; `replayed`: with what the allocator takes."""
    estimate_job(job)
    taken = []
    for _ in range(runs):
        forget()
        start = time.process_time()
        found = estimate_job(job)
        if replayed:
            assert found.peak_reserved_bytes
        taken.append(1000 * (time.process_time() - start))
    return median(taken)


def in_turn(first: TrainingJob, second: TrainingJob, runs: int) -> float:
    """How many times as long the second takes, measured in turn so that a busy machine slows both alike."""
    one: list[float] = []
    two: list[float] = []
    for _ in range(runs):
        for job, taken in ((first, one), (second, two)):
            forget()
            start = time.perf_counter()
            estimate_job(job)
            taken.append(time.perf_counter() - start)
    return median(two) / median(one)


def tracker_milliseconds(job: TrainingJob) -> tuple[float, int]:
    """Milliseconds that torch's MemTracker takes for one step of the job on fake tensors, and the peak.

    The second of two steps: in the first the optimizer has no states yet.
    """
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.distributed._tools.mem_tracker import MemTracker
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    config = AutoConfig.for_model(**{**job.model.config, "model_type": job.model.model_type})
    taken, peak = 0.0, 0
    with FakeTensorMode():
        network = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa")
        network.gradient_checkpointing_enable()
        network.train()
        optimizer = torch.optim.AdamW(network.parameters(), foreach=True)
        tracker = MemTracker()
        tracker.track_external(network, optimizer)
        tokens = torch.zeros((job.micro_batch_size, job.sequence_length), dtype=torch.int64)
        for _ in range(2):
            start = time.perf_counter()
            with tracker:
                network(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()
                optimizer.step()
                optimizer.zero_grad()
            taken = 1000 * (time.perf_counter() - start)
            snapshot = tracker.get_tracker_snapshot("peak")
            peak = max(sum(sizes.values()) - sizes["Total"] for sizes in snapshot.values())
            tracker.reset_mod_stats()
    return taken, peak


def rows(runs: int) -> list[Row]:
    """Every bound that this environment can measure."""
    small, big = dense_8b(), mixture_671b()
    found = [
        Row("8 B dense, one GPU", milliseconds(small, runs), 1.0, "ms"),
        Row("8 B QLoRA, one GPU", milliseconds(qlora_8b(), runs), 2.0, "ms"),
        Row("671 B mixture, 2,048 GPUs", milliseconds(big, runs), 4.0, "ms"),
        Row("8 B QLoRA, replayed", milliseconds(qlora_8b(), runs // 10 + 1, replayed=True), 80.0, "ms"),
        Row(
            "70 B on 8 GPUs, replayed", milliseconds(dense_70b(), runs // 10 + 1, replayed=True), 250.0, "ms"
        ),
        Row("126 layers against 2", in_turn(deep(2), deep(126), runs), 1.3, "times as long"),
    ]
    if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
        taken, peak = tracker_milliseconds(small)
        gc.collect()
        ours = estimate_job(small).peak_allocated_bytes
        print(f"the tracker took {taken / 1000:.1f} s and finds a peak of {peak / 2**30:.2f} GiB")
        print(f"the memory model finds {ours / 2**30:.2f} GiB")
        found.append(
            Row(
                "against MemTracker, 8 B",
                taken / milliseconds(small, runs),
                1000.0,
                "times faster",
                least=True,
            )
        )
    return found


def main(arguments: list[str] = sys.argv[1:]) -> int:
    """Print the table; 1 where a bound is missed."""
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    found = rows(numbers[0] if numbers else 200)
    for row in found:
        bound = f"at {'least' if row.least else 'most'} {row.limit:g}"
        print(f"{row.name:<28} {row.found:10.2f} {row.unit} ({bound}){'  MISSED' if row.missed else ''}")
    if "--keep" in arguments:
        kept = [{**asdict(row), "found": round(row.found, 2)} for row in found]
        about = {"python": platform.python_version(), "machine": platform.machine(), "rows": kept}
        KEPT.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return int(any(row.missed for row in found))


if __name__ == "__main__":
    sys.exit(main())
