"""Layouts for the run of a file: what its framework can do, over the GPUs that are declared for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.rates import rates_of
from vramlint.dialects.kit.dialect import REMOVE
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.format import gpu_name, key_text
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Verdict
from vramlint.memory.stage_memory import StageMemory
from vramlint.planning.candidates import ANY, GPT_NEOX, MEANS, Means
from vramlint.planning.layout import Recompute, Sharding, applied, changes_of
from vramlint.planning.ranking import NoPlan, Proposal, plan

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


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a plan is made for."""

    analysis: Analysis
    job: TrainingJob
    gpus: int
    global_batch: int
    """Rows of an optimizer step."""


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
    return Cluster(analysis, job, declared.count * (nodes or declared.nodes), global_batch or now)


def layouts_for(cluster: Cluster) -> list[PlannedLayout]:
    """The layouts that fit, best first. Raises NoPlan and CannotEstimate."""
    gpu = cluster.job.gpu
    rates = rates_of(gpu) if gpu is not None else None
    if gpu is None or rates is None:
        name = gpu_name(gpu) if gpu else "this GPU"
        raise NoPlan(f"how fast {name} computes and sends is not known, so no order can be given")
    means = means_of(cluster.analysis, cluster.job)
    found = plan(cluster.job, rates, cluster.gpus, cluster.global_batch, means, MOST)
    return [_planned(cluster, proposal) for proposal in found]


def means_of(analysis: Analysis, job: TrainingJob) -> Means:
    """What the framework can do; a job file is for a training loop of one's own, which can do anything."""
    if analysis.dialect is not None and analysis.dialect.name == "job" and not job.written("runtime"):
        return ANY
    if analysis.dialect is not None and analysis.dialect.name == "gpt-neox":
        return GPT_NEOX
    return MEANS.get(job.runtime, ANY)


def _planned(cluster: Cluster, proposal: Proposal) -> PlannedLayout:
    layout, family, time = proposal.layout, proposal.layout.family, proposal.time
    keys, unsaid = _keys(cluster, proposal)
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
        keys=keys,
        stages=proposal.estimate.stages,
        unsaid=unsaid,
    )


def _keys(cluster: Cluster, proposal: Proposal) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The keys that say the layout, and the fields that no key of the file says."""
    analysis, job = cluster.analysis, cluster.job
    changes = changes_of(job, proposal.layout)
    if analysis.dialect is None:
        return {}, tuple(changes)
    edits, made = analysis.dialect.edits, applied(job, proposal.layout)
    can_say = {
        name: value
        for name, value in changes.items()
        if edits(analysis.values, made, {name: value}) is not None
    }
    keys = (edits(analysis.values, made, can_say) or ()) if can_say else ()
    written = {key_text(key.path): None if key.value is REMOVE else key.value for key in keys}
    return written, tuple(name for name in changes if name not in can_say or not written)
