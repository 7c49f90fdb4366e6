"""Layouts for the run of a file: what its framework can do, over the GPUs that are declared for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.advice.changes import Changes
from vramlint.analysis.means import means_of
from vramlint.analysis.writing import Writer
from vramlint.catalog.rates import rates_of
from vramlint.dialects.kit.dialect import REMOVE, SetKey
from vramlint.dialects.kit.edits import BATCH
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.lint.format import gpu_name, key_text
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Verdict
from vramlint.memory.stage_memory import StageMemory
from vramlint.planning.candidates import NODE, Means
from vramlint.planning.layout import Layout, Recompute, Sharding, fields_of
from vramlint.planning.ranking import NoPlan, Proposal, plan
from vramlint.planning.step_time import BLOCKING
from vramlint.planning.work import work_of
from vramlint.project.hardware import Declaration

MOST = 10


@dataclass(frozen=True, slots=True)
class PlannedLayout:
    """One way to share a run out over GPUs that fits, with the time a step is predicted to take.

    `tensor`, `pipeline`, `context` and `data` multiply to the number of GPUs.
    """

    tensor: int
    pipeline: int
    virtual_stages: int
    context: int
    expert: int
    data: int
    sharding: Sharding
    replicas: int
    """Groups that each share all states out (HSDP); they divide `data`."""
    micro_batch: int
    gradient_accumulation_steps: int
    recompute: Recompute
    device_bytes: int
    """What the fullest GPU must offer."""
    verdict: Verdict
    step_seconds: float
    """Predicted by a roofline: a few percent apart two layouts are equal."""
    seconds: Mapping[str, float]
    """Of a step, by what takes them: `compute`, `exchange`, `bubble`, `sharding`, `optimizer`."""
    keys: Mapping[str, Any]
    """Keys of the file that say the layout, None for one that goes."""
    stages: tuple[StageMemory, ...] = ()
    """What the first, a middle and the last stage need; () where there is no pipeline."""
    unsaid: tuple[str, ...] = ()
    """What of the layout the file cannot say, as fields of a job: its launch or another file does."""
    edits: tuple[SetKey, ...] = ()
    """`keys` as they are written into the document."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a plan is made for."""

    analysis: Analysis
    job: TrainingJob
    gpus: int
    global_batch: int
    """Rows of an optimizer step."""
    declared: Declaration
    """The GPUs of a node, and the nodes."""
    means: Means
    """What the framework can do, and the file or its launch says."""

    @property
    def experts(self) -> bool:
        """Whether the model is a mixture of experts."""
        return work_of(self.job).expert_count > 1


def cluster_of(analysis: Analysis, nodes: int | None = None, global_batch: int | None = None) -> Cluster:
    """The GPUs that are declared for a run, as many of each node as that says, and the rows of its step
    where `global_batch` says no other. Raises NoPlan where there is no run or no GPU.
    """
    job, declared = analysis.job, analysis.declared
    if job is None:
        raise NoPlan("there is no run to plan for")
    if job.gpu is None or declared is None:
        raise NoPlan("no GPU is declared: say --gpus 64xH100")
    now = job.micro_batch_size * job.gradient_accumulation_steps * job.parallel.data * job.parallel.replicate
    on = _of_nodes(replace(declared, nodes=nodes or declared.nodes, counted=True), nodes is None)
    means = means_of(analysis, job, on)
    return Cluster(analysis, job, on.count * on.nodes, global_batch or now, on, means)


def _of_nodes(declared: Declaration, split: bool) -> Declaration:
    """More GPUs than one node has are those of several."""
    if not split or declared.nodes > 1 or declared.count % NODE:
        return declared
    return replace(declared, count=min(declared.count, NODE), nodes=max(declared.count // NODE, 1))


def layouts_for(cluster: Cluster, most: int = MOST) -> list[PlannedLayout]:
    """The layouts that fit, best first. Raises NoPlan and CannotEstimate."""
    gpu = cluster.job.gpu
    rates = rates_of(gpu) if gpu is not None else None
    if gpu is None or rates is None:
        name = gpu_name(gpu) if gpu else "this GPU"
        raise NoPlan(f"how fast {name} computes and sends is not known, so no order can be given")
    writer = Writer(cluster.analysis, cluster.job, cluster.declared)

    def made(layout: Layout) -> TrainingJob | None:
        written = writer.write(_wanted(cluster, layout))
        return None if written is None else written.job

    wait = _wait(cluster.analysis)
    found = plan(cluster.job, rates, cluster.gpus, cluster.global_batch, cluster.means, most, made, wait)
    return [_planned(cluster, writer, proposal) for proposal in found]


def _wait(analysis: Analysis) -> float:
    """Seconds that the host waits for each kernel, by the environment that the launch sets."""
    told = analysis.dialect_context
    return BLOCKING if told is not None and told.environment.get("CUDA_LAUNCH_BLOCKING") == "1" else 0.0


def _wanted(cluster: Cluster, layout: Layout) -> Changes:
    """The fields of the run under a layout. Of one's own training loop, what shares optimizer states alone is
    taken for Megatron's.
    """
    means, fields = cluster.means, fields_of(layout, cluster.means.sequence)
    if means.micro_batch is not None:
        fields = {name: value for name, value in fields.items() if name not in BATCH}
    megatron = means.own and layout.family.sharding == "zero1"
    return {**fields, "runtime": "megatron"} if megatron else fields


def _planned(cluster: Cluster, writer: Writer, proposal: Proposal) -> PlannedLayout:
    layout, family, time = proposal.layout, proposal.layout.family, proposal.time
    written = writer.write(_wanted(cluster, layout))
    assert written is not None
    return PlannedLayout(
        tensor=family.tensor,
        pipeline=family.pipeline,
        virtual_stages=layout.virtual_stages,
        context=family.context,
        expert=family.expert,
        data=family.data,
        sharding=family.sharding,
        replicas=family.replicas,
        micro_batch=layout.micro_batch,
        gradient_accumulation_steps=layout.accumulation,
        recompute=layout.recompute,
        device_bytes=proposal.estimate.device_bytes,
        verdict=proposal.verdict,
        step_seconds=time.total,
        seconds={
            "compute": time.compute,
            "exchange": time.exchange,
            "bubble": time.bubble,
            "sharding": time.sharding,
            "optimizer": time.optimizer,
        },
        keys={key_text(key.path): None if key.value is REMOVE else key.value for key in written.keys},
        stages=proposal.estimate.stages,
        unsaid=written.unsaid,
        edits=written.keys,
    )
