"""Moves after which the training computes the same: where tensors lie, when they are made, who keeps them."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.advice.changes import Changes, apply
from vramlint.advice.move import Move
from vramlint.catalog.optimizers import optimizer_named
from vramlint.job import TrainingJob
from vramlint.job_fields import is_smallest
from vramlint.memory.objectives import has_reference
from vramlint.memory.sharding import plan_of

_MOST_PIECES = 64
"""Micro batches are not proposed to be cut into more."""
_SHARES = (0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Shares of the GPU that are proposed for a generation engine."""
_BUCKETS = (1e8, 2e7)
"""Elements of DeepSpeed's reduction buffer that are proposed; smaller ones cost bandwidth."""
_SPLITS_LAYERS = ("megatron", "torchtitan", "own")
"""Whose layers are shared out as they are made; a loop of one's own may do so, where its file says it."""
_EXPANDABLE = "expandable_segments:True"


def allocator(job: TrainingJob) -> Iterator[Move]:
    """Segments that grow, so that tensors of many sizes leave no gaps."""
    if not job.allocator:
        title = "let the allocator's segments grow"
        yield Move("allocator", title, {"allocator": _EXPANDABLE}, 0.1)


def attention(job: TrainingJob) -> Iterator[Move]:
    """A kernel that keeps no scores."""
    if not is_smallest(job, "attention"):
        yield Move("attention", "use SDPA attention", {"attention": "sdpa"}, 0.2)


def fused_optimizer(job: TrainingJob) -> Iterator[Move]:
    """One kernel for the step, without temporaries as large as the weights."""
    row = optimizer_named(job.optimizer)
    if row is not None and row.fused:
        title = f"optimizer {row.fused}"
        yield Move("optimizer", title, {"optimizer": row.fused}, 0.25)


def loading(job: TrainingJob) -> Iterator[Move]:
    """One rank of a node reads the weights."""
    if job.loading == "device" and job.parallel.strategy in ("fsdp1", "fsdp2"):
        traffic = "one rank of each node sends the weights to the others at the start"
        title = "load on one rank of each node"
        yield Move("loading", title, {"loading": "rank-0"}, 0.3, traffic=traffic)


def saving(job: TrainingJob) -> Iterator[Move]:
    """Checkpoints as shards."""
    if job.saving == "device" and job.parallel.strategy in ("fsdp1", "fsdp2", "zero3"):
        yield Move("saving", "save checkpoints as shards", {"saving": "sharded"}, 0.3)


def evaluation(job: TrainingJob) -> Iterator[Move]:
    """Smaller evaluation batches."""
    if job.evaluation is None:
        return
    for index, smaller in enumerate(size for size in (4, 2, 1) if size < job.evaluation.batch):
        changes = {"evaluation.batch": smaller}
        yield Move("evaluation", f"evaluation batch {smaller}", changes, 0.35 + 0.05 * index)


def reference(job: TrainingJob) -> Iterator[Move]:
    """A frozen reference asked for its log-probabilities once, not in every step; under FSDP it stays (trl
    1.16, dpo_trainer.py).
    """
    asked = job.objective in ("dpo", "kto") and job.roles.reference == "auto" and has_reference(job)
    if asked and not job.parallel.strategy.startswith("fsdp"):
        traffic = "the reference runs over the data once, before the training"
        title = "compute the reference's log-probabilities beforehand"
        yield Move("reference", title, {"reference_model": "none"}, 0.4, traffic=traffic)


def engine_asleep(job: TrainingJob) -> Iterator[Move]:
    """A generation engine that gives its memory back while the training has the GPU."""
    generation = job.generation
    if generation is not None and generation.colocated and generation.sleep == "none":
        title = "let the generation engine sleep during training"
        traffic = "the engine's weights are loaded again before completions are made"
        yield Move("engine asleep", title, {"generation.sleep": "weights"}, 0.5, traffic=traffic)


def engine_share(job: TrainingJob) -> Iterator[Move]:
    """A smaller share of the GPU for a generation engine, as long as its weights find room in it."""
    generation = job.generation
    if generation is None or not generation.colocated:
        return
    for share in _SHARES:
        if _least_share(job) < share < generation.memory_fraction:
            title = f"{share:.0%} of the GPU for the generation engine"
            cost = 0.7 + generation.memory_fraction - share
            yield Move("engine share", title, {"generation.memory_fraction": share}, cost)


def _least_share(job: TrainingJob) -> float:
    """The share of the GPU that the engine's own weights take, in 16 bits, and a tenth more."""
    if job.gpu is None or job.generation is None or not job.model.parameters:
        return 1.0
    return 1.1 * 2 * job.model.parameters / job.generation.tensor / job.gpu.memory_bytes


def loss(job: TrainingJob) -> Iterator[Move]:
    """A head that never holds all logits: Liger's computes each gradient beside its logits, also that of a
    frozen head, which short sequences would not need; TRL's chunks are computed again in backward.
    """
    if is_smallest(job, "loss"):
        return
    title = "use a fused linear cross-entropy (no logits in memory)"
    yield Move("loss", title, {"loss": "fused-linear"}, 0.6, may_add=True)
    if job.loop.startswith("trl"):
        title, again = "compute the loss in chunks", _head_share(job)
        yield Move("loss", title, {"loss": "trl-chunked"}, 0.6, forwards=again)


def _head_share(job: TrainingJob) -> float:
    """The output head's share of a forward pass, by its weights."""
    config, parameters = job.model.config, job.model.parameters
    width, words = config.get("hidden_size"), config.get("vocab_size")
    if not parameters or not isinstance(width, int) or not isinstance(words, int):
        return 0.0
    return min(1.0, width * words / parameters)


def buckets(job: TrainingJob) -> Iterator[Move]:
    """Smaller buffers of DeepSpeed."""
    if not job.parallel.strategy.startswith("zero"):
        return
    for index, size in enumerate(_BUCKETS):
        if size < job.parallel.buckets.reduce:
            title = f"reduction buckets of {size:.0e} elements".replace("e+0", "e")
            traffic = "gradients are reduced in smaller pieces"
            changes = {"parallel.buckets.reduce": int(size)}
            yield Move("buckets", title, changes, 0.7 + 0.1 * index, traffic=traffic)


def checkpointing(job: TrainingJob) -> Iterator[Move]:
    """Activations that are computed again in backward; then those that are left wait on the host."""
    title, again = "", 0.0
    changes: Changes = {}
    if not is_smallest(job, "gradient_checkpointing"):
        now = job.gradient_checkpointing
        again = now if isinstance(now, float) else 1 - 1 / now if isinstance(now, int) else 1.0
        title, changes = "enable gradient checkpointing", {"gradient_checkpointing": "full"}
        yield Move("checkpointing", title, changes, 1.0, forwards=again)
    if not job.activation_offload:
        title = f"{title} + " if title else ""
        yield Move(
            "checkpointing",
            f"{title}offload activations to the CPU",
            {**changes, "activation_offload": True},
            2.6,
            forwards=again,
            traffic="saved activations cross PCIe twice a step",
            may_add=True,
        )


def gradient_sync(job: TrainingJob) -> Iterator[Move]:
    """Gradients that are shared out after each micro batch, where the engine would keep them whole."""
    accumulating = apply(job, {"gradient_accumulation_steps": max(2, job.gradient_accumulation_steps)})
    if job.parallel.pipeline == 1 and plan_of(accumulating).accumulates_whole:
        title = "reduce gradients after each micro batch"
        traffic = "gradients are reduced after each micro batch, not once a step"
        cost = 0.9 if job.gradient_accumulation_steps > 1 else 0.05
        yield Move("gradients", title, {"parallel.sync_each_batch": True}, cost, traffic=traffic)


def micro_batch(job: TrainingJob) -> Iterator[Move]:
    """Fewer rows at once, more often: the same batch for the optimizer."""
    size = job.micro_batch_size
    if job.optimizer_in_backward:
        return
    factors = [factor for factor in range(2, min(size, _MOST_PIECES) + 1) if size % factor == 0]
    for factor in factors:
        smaller, steps = size // factor, job.gradient_accumulation_steps * factor
        title = f"micro batch {smaller} with {steps} accumulation steps"
        changes = {"micro_batch_size": smaller, "gradient_accumulation_steps": steps}
        cost = 1.2 + 0.1 * factor.bit_length() + 0.001 * factor
        keeps = job.gradient_accumulation_steps == 1
        yield Move("micro batch", title, changes, cost, traffic=_oftener(job, factor), may_add=keeps)


def _oftener(job: TrainingJob, factor: int) -> str:
    parallel = job.parallel
    if parallel.strategy == "zero3" or (parallel.strategy.startswith("fsdp") and parallel.sharding == "full"):
        return f"weights are gathered {factor} times as often"
    return f"gradients are reduced {factor} times as often" if parallel.strategy == "zero2" else ""


def sharding(job: TrainingJob) -> Iterator[Move]:
    """Who keeps what: states, then gradients, then weights, each shared by all GPUs; last of all the host.

    Traffic: ZeRO stages 1 and 2 reduce and gather as much as DDP, stage 3 half as much again (Rajbhandari et
    al. 2020, section 7).
    """
    parallel, ranks = job.parallel, job.gpu_count * job.nodes
    on_all: Changes = {"parallel.data": ranks} if parallel.world_size == 1 else {}
    gathered = "weights are gathered in forward and backward: half as much traffic again"
    steps: list[tuple[str, Changes, float, str]] = []
    if ranks > 1 and parallel.strategy in ("none", "ddp", "zero1", "zero2"):
        if parallel.strategy != "zero2":
            steps.append(("shard with ZeRO-2", {"parallel.strategy": "zero2", **on_all}, 1.1, ""))
        steps.append(("shard with ZeRO-3", {"parallel.strategy": "zero3", **on_all}, 1.4, gathered))
        steps.append(("shard with FSDP", {"parallel.strategy": "fsdp2", **on_all}, 1.4, gathered))
    elif ranks > 1 and parallel.strategy.startswith("fsdp") and parallel.sharding == "grad-op":
        again = "weights are gathered again in backward: half as much traffic again"
        steps.append(("free gathered weights after forward", {"parallel.sharding": "full"}, 1.4, again))
    for title, changes, cost, traffic in steps:
        yield Move("sharding", title, changes, cost, traffic=traffic)


def offload(job: TrainingJob) -> Iterator[Move]:
    """States, then weights too, in host memory; only where somebody says how large that is."""
    engine, now = job.parallel.strategy, job.parallel.offload
    if job.ram is None or job.optimizer_in_backward or now == "both":
        return
    if now == "none" and not engine.startswith("fsdp"):
        traffic = "gradients and weights cross PCIe once a step, and the CPU steps"
        changes = {"parallel.offload": "optimizer"}
        yield Move("offload", "offload optimizer states to the CPU", changes, 3.0, traffic=traffic)
    traffic = "weights and gradients cross PCIe in every step, and the CPU steps"
    title = "offload weights and optimizer states to the CPU"
    yield Move("offload", title, {"parallel.offload": "both"}, 4.0, traffic=traffic)


def tensor(job: TrainingJob) -> Iterator[Move]:
    """More GPUs for each layer, fewer copies of the model, the same batch."""
    parallel = job.parallel
    if job.runtime not in _SPLITS_LAYERS:
        return
    widths = [job.model.config.get(name) for name in ("num_attention_heads", "num_key_value_heads")]
    for factor in (2, 4, 8):
        degree = parallel.tensor * factor
        divides = all(not isinstance(width, int) or width % degree == 0 for width in widths)
        if not divides or degree > job.gpu_count or parallel.data % factor:
            continue
        changes = _from_data(job, "parallel.tensor", factor)
        traffic = f"activations are exchanged in every layer by {degree} GPUs"
        title = f"tensor parallelism over {degree} GPUs"
        yield Move("tensor", title, changes, 2.0 + 0.2 * factor.bit_length(), traffic=traffic)


def context(job: TrainingJob) -> Iterator[Move]:
    """More GPUs for each sequence, fewer sequences at once, the same batch: Megatron's and torchtitan's."""
    parallel = job.parallel
    if job.runtime not in ("megatron", "torchtitan"):
        return
    for factor in (2, 4, 8):
        degree = parallel.context * factor
        if job.sequence_length % (2 * degree) or parallel.data % factor:
            continue
        changes = _from_data(job, "parallel.context", factor)
        traffic = f"keys and values are passed around {degree} GPUs in every layer"
        title = f"context parallelism over {degree} GPUs"
        yield Move("context", title, changes, 2.2 + 0.2 * factor.bit_length(), traffic=traffic)


def _from_data(job: TrainingJob, degree: str, factor: int) -> Changes:
    """A degree so many times as large, by GPUs that shared the batch, which stays as it is."""
    parallel = job.parallel
    return {
        degree: getattr(parallel, degree.partition(".")[2]) * factor,
        "parallel.data": parallel.data // factor,
        "gradient_accumulation_steps": job.gradient_accumulation_steps * factor,
    }
