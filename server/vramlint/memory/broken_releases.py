"""Releases of engines that hold much more than the ones before and after: what they hold, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.versions import version_of
from vramlint.versions import at_least, older
from vramlint.vocabulary import EACH_MODULE


@dataclass(frozen=True, slots=True)
class BrokenRelease:
    """Releases of `library` from `first` on, to before `fixed`."""

    library: str
    first: str
    fixed: str
    does: str
    """What they do, as the end of "accelerate 1.14 …"."""
    concerns: Callable[[TrainingJob], bool]
    """Whether a run meets it."""
    field: str
    """The field of a job that turns it on."""
    without: Callable[[TrainingJob], TrainingJob]
    """The same run with a release that does not."""
    at_most: bool = False
    """Whether what it holds more is a bound, and nothing to speak of where the run fits all the same."""

    def meets(self, job: TrainingJob) -> bool:
        """Whether the release that is known to run is one of them, and the run meets it."""
        release = version_of(self.library, job)
        known = release is not None and at_least(release, self.first) and older(release, self.fixed)
        return known and self.concerns(job)


def _recomputes_in_graph(job: TrainingJob) -> bool:
    """Whether a checkpointed layer's first forward pass records a graph too (use_reentrant=False)."""
    return job.gradient_checkpointing not in ("none", "reentrant")


def _newer_deepspeed(job: TrainingJob) -> TrainingJob:
    return replace(job, versions={**job.versions, "deepspeed": KEEPS_GATHERED.fixed})


def _synchronous(job: TrainingJob) -> TrainingJob:
    return replace(job, versions={**job.versions, "transformers": LOADS_AHEAD.fixed})


def _is_quantized_on_the_gpu(job: TrainingJob) -> bool:
    """Whether bitsandbytes quantizes weights that are released in 16 bit."""
    scheme = job.quantization.scheme if job.quantization is not None else ""
    return scheme.startswith("bnb-") and job.model.quantized_as is None


def _whole_layers(job: TrainingJob) -> TrainingJob:
    newer = {**job.versions, "accelerate": CHECKPOINTS_EACH_MODULE.fixed}
    return replace(job, gradient_checkpointing="full", versions=newer)


KEEPS_GATHERED = BrokenRelease(
    library="deepspeed",
    first="0.16",
    fixed="0.16.8",
    does="keeps the weights that ZeRO-3 gathers for backward until the optimizer's step",
    concerns=lambda job: job.parallel.strategy == "zero3" and _recomputes_in_graph(job),
    field="gradient_checkpointing",
    without=_newer_deepspeed,
)
"""A module's weights are let go when as many of its inputs have a gradient as had one in forward; from 0.16.0
(pull request 6726) to 0.16.7 the second forward pass of checkpointing was counted too
(runtime/zero/parameter_offload.py, ds_grads_remaining; issue 7116). The step partitions them.
"""
CHECKPOINTS_EACH_MODULE = BrokenRelease(
    library="accelerate",
    first="1.8",
    fixed="1.15",
    does="checkpoints each module of a layer under FSDP2, not the layer",
    concerns=lambda job: job.gradient_checkpointing == EACH_MODULE,
    field="gradient_checkpointing",
    without=_whole_layers,
)
"""fsdp2_apply_ac wraps a module whose parent is a layer (1.8.1 to 1.14.0, utils/fsdp_utils.py; pull request
4172): the inputs of norms, attention and MLP stay, four a layer in place of one.
"""
LOADS_AHEAD = BrokenRelease(
    library="transformers",
    first="5",
    fixed="5.4",
    does="reads weights to the GPU in 16 bit while bitsandbytes still quantizes the first of them",
    concerns=_is_quantized_on_the_gpu,
    field="quantization.scheme",
    without=_synchronous,
    at_most=True,
)
"""Threads copy every weight to the GPU as fast as the files can be read, whatever waits to be quantized
(5.0.0 and 5.3.0, core_model_loading.py, convert_and_load_state_dict_in_model); from 5.4.0 on nothing is read
ahead then. How far they get depends on disk and processor: at most, all weights are there in 16 bit.
"""
BROKEN_RELEASES = (KEEPS_GATHERED, CHECKPOINTS_EACH_MODULE, LOADS_AHEAD)


def broken_releases(job: TrainingJob) -> Iterator[BrokenRelease]:
    """Those that the run meets."""
    return (broken for broken in BROKEN_RELEASES if broken.meets(job))
