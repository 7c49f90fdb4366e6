"""DeepSpeed's ZeRO, stages 1 and 2 (deepspeed 0.19.2, runtime/zero/stage_1_and_2.py,
runtime/bf16_optimizer.py).

Counted on the real engine by `benchmarks/deepspeed_engines.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ledger import DTYPE_BYTES, rounded
from vramlint.memory.sharding.plan import Plan, Trained, drop_gradient, elements_of
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Parameter
from vramlint.memory.versions import version_of
from vramlint.versions import older


@dataclass(slots=True)
class DeepSpeed(Plan):
    """What all stages do."""

    deepspeed: ClassVar[bool] = True
    shares_states: ClassVar[bool] = True

    @property
    def width(self) -> float:
        """Bytes of an element of the weights, in which buckets are made too."""
        return DTYPE_BYTES[self.job.precision.weights]

    @property
    def steps_on_host(self) -> bool:
        """Whether the optimizer is on the host."""
        return self.job.parallel.offload in ("optimizer", "both")

    @property
    def accumulates(self) -> bool:
        """Whether a step has several micro batches."""
        return self.job.gradient_accumulation_steps > 1

    def offload_buffer(self, trained: Trained) -> int:
        """Where the optimizer is on the host, a buffer for the largest gradient on its way there
        (temp_grad_buffer_for_gpu_offload).
        """
        if not self.steps_on_host:
            return 0
        return rounded(self.width * max((parameter.numel for parameter, _ in trained), default=0))


CHECKS_EACH, CHECKS_IN_PLACE = "0.13.3", "0.19.6"
"""DeepSpeed's releases from the first on, until the second, ask of each element of a gradient whether it is
finite; before, of the sum of a float32 copy (stage_1_and_2.py, _has_inf_or_nan).
"""


@dataclass(slots=True)
class Zero1(DeepSpeed):
    """Optimizer states are shared.

    Gradients are reduced after the last micro batch. Only where the reduction overlaps with a backward pass
    that needs no accumulation, each is copied to a bucket as it comes, and those of other ranks go.
    """

    @property
    def overlaps(self) -> bool:
        """Whether reduction overlaps with backward: not under DeepSpeed's pipelines (runtime/engine.py,
        _configure_zero_optimizer).
        """
        parallel = self.job.parallel
        return parallel.buckets.overlap_comm and parallel.pipeline == 1

    @property
    def reduces_at_once(self) -> bool:
        """Whether a gradient goes to a bucket as soon as it is there."""
        return self.overlaps and not self.accumulates

    def gradient_elements(self, parameter: Parameter) -> int:
        """Its partition, where the rest goes at once."""
        return self.share(parameter) if self.reduces_at_once else parameter.numel

    def buffers(self, trained: Trained, gradients: int) -> int:
        """What stays for the whole step."""
        return self.offload_buffer(trained)

    def passing(self, trained: Trained) -> Mapping[str, int]:
        """Buckets are made whole at the first gradient and let go after the last reduction; reducing one
        flattens what is in it (allreduce_bucket). While gradients accumulate, stage 1 keeps them from
        micro batch to micro batch.
        """
        size = self.job.parallel.buckets.reduce
        buckets = int(self.width * size) * (2 if self.overlaps else 1)
        if not trained:
            return {}
        if not self.reduces_at_once:
            # Flattening begins when gradients have moved into the bucket: never more than before.
            return (
                {"forward": buckets, "loss": buckets, "backward": buckets}
                if self.accumulates
                else {"backward": buckets}
            )
        return {"backward": buckets + self._flattened(trained)}

    def to_host(self, trained: Trained) -> int:
        """The norm of this rank's part of the largest gradient in float64, or the check of all of it: in
        float32, with masks (copy_grads_in_partition).
        """
        if not (self.steps_on_host and trained):
            return 0
        partition = sum(count * self.state_elements(parameter) for parameter, count in trained)
        largest = max(parameter.numel for parameter, _ in trained)
        release = version_of("deepspeed", self.job)
        check = 4 if older(release, CHECKS_EACH) else 11 if older(release, CHECKS_IN_PLACE) else 0
        return max(8 * min(largest, partition), check * largest)

    def _flattened(self, trained: Trained) -> int:
        """Bytes of one bucket in one piece: what fits into one is flattened before there is a partition to
        copy it to.
        """
        size, elements = self.job.parallel.buckets.reduce, elements_of(trained)
        return int(self.width * (size if elements > size else elements - elements // self.ranks))

    def reduced_apart(self, trained: Trained) -> int:
        """Where reduction overlaps with backward, buckets are flattened, and the partition made, on a stream
        for it (average_tensor, reduce_ipg_grads: reduction_stream).
        """
        return self._flattened(trained) if self.overlaps and self.reduces_at_once else 0

    def prepare(self, t: Tape) -> None:
        """Each gradient is copied to a bucket as it comes, or kept."""
        if self.reduces_at_once:
            t.store_gradient = drop_gradient
        else:
            Plan.prepare(self, t)

    def arriving(self, gradients: int) -> tuple[int, int] | None:
        """The partition is allocated when the first gradient of it is reduced (copy_grads_in_partition)."""
        return (0, gradients) if self.reduces_at_once else None

    def in_step(self, trained: Trained, gradients: int, temporaries: int) -> tuple[int, int]:
        """The partition's gradients are flattened, cast to float32, and let go before the step."""
        if self.steps_on_host:
            return gradients, temporaries
        share = sum(count * self.state_elements(parameter) for parameter, count in trained)
        copies = 2 if self.width < 4 else 1
        return 4 * share, max(temporaries, int(copies * self.width * share))


@dataclass(slots=True)
class Zero2(Zero1):
    """Gradients too."""

    shares_gradients: ClassVar[bool] = True

    @property
    def reduces_at_once(self) -> bool:
        """Always."""
        return True

    def gradient_dtype(self, parameter: Parameter) -> str:
        """That of the weights: `grad_accum_dtype` counts in stages 1 and 3 (use_grad_accum_attribute)."""
        return parameter.stored

    def arriving(self, gradients: int) -> tuple[int, int] | None:
        """A micro batch's partition is reduced beside the one that it is then added to (all_grad_tensors)."""
        return (gradients if self.accumulates else 0, gradients)


@dataclass(slots=True)
class Bf16Optimizer(DeepSpeed):
    """Stage 1 over bfloat16 weights with float32 accumulation: a float32 gradient of every weight from the
    start, beside the 16-bit ones that backward makes (runtime/engine.py, _do_optimizer_sanity_check).
    """

    @property
    def has_gradient_buffer(self) -> bool:
        """The float32 one."""
        return True

    def gradient_bytes(self, parameter: Parameter) -> int:
        """Both."""
        return rounded(parameter.numel * 4) + rounded(parameter.numel * 2)

    def arriving(self, gradients: int) -> tuple[int, int] | None:
        """The 16-bit ones are set to zero between micro batches and let go after the step."""
        fresh = 0 if self.accumulates else gradients // 3
        return gradients - fresh, fresh

    def prepare(self, t: Tape) -> None:
        """Room for each gradient is counted already."""
        t.store_gradient = drop_gradient

    def at_end(self, gradients: int) -> int:
        """The flat float32 buffer is cast whole to the dtype in which it is reduced
        (buffered_allreduce_fallback).
        """
        return gradients + gradients // 3


def stage_1(job: TrainingJob, ranks: int) -> DeepSpeed:
    """The optimizer that DeepSpeed chooses for stage 1."""
    precision, offload = job.precision, job.parallel.offload
    separate = precision.weights == "bfloat16" and precision.gradients == "float32"
    if separate and offload not in ("optimizer", "both"):
        return Bf16Optimizer(job, ranks)
    return Zero1(job, ranks)
