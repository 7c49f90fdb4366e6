"""`vramlint plan`: print the layouts over many GPUs that fit, in the order of their predicted step time."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vramlint.cli.arguments import add_color, command_parser
from vramlint.cli.console import Failure, Paint, complain, paint_for, say
from vramlint.cli.estimate import Refusal, examine, located
from vramlint.cli.files import Reader
from vramlint.cli.options import refuse_unknown_gpu
from vramlint.dialects.kit.dialect import REMOVE
from vramlint.explain.format import size, value_text
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.format import gpu_name, key_text, model_name
from vramlint.lint.result import Analysis
from vramlint.memory import CannotEstimate
from vramlint.planning.candidates import ANY, MEANS, Means
from vramlint.planning.layout import changes_of
from vramlint.planning.ranking import NoPlan, Proposal, plan
from vramlint.planning.rates import rates_of
from vramlint.project.overrides import Overrides

MOST = 10


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "plan",
        "Print the layouts over many GPUs that fit: tensor, pipeline, context, expert and data degrees, "
        "sharding, recomputation and micro batch, in the order of the step time that a roofline predicts. "
        "Exit code 0: there are some; 1: none fits; 2: vramlint could not run (bad option, unreadable file).",
    )
    result.add_argument("file", metavar="FILE", help="a training config; - reads standard input")
    result.add_argument("--gpus", metavar="NxNAME", help="the GPUs to plan for, on one node or many: 64xH100")
    result.add_argument("--nodes", type=int, metavar="N", help="as many nodes, each with the GPUs of --gpus")
    result.add_argument(
        "--global-batch",
        type=int,
        metavar="N",
        help="rows of an optimizer step (default: as the file has it)",
    )
    result.add_argument("--format", choices=("text", "json"), default="text")
    add_color(result)
    return result


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan is made for."""

    analysis: Analysis
    job: TrainingJob
    gpus: int
    global_batch: int


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    refuse_unknown_gpu(options.gpus)
    outcome = examine(Reader(Overrides(gpu=options.gpus, named=True)), options.file)
    analysis = outcome.analysis
    if analysis is None or analysis.job is None:
        assert isinstance(outcome, Refusal)
        complain(located(options.file, outcome))
        return 2
    asked = _asked(options, analysis, analysis.job)
    try:
        proposals = _proposals(asked)
    except (CannotEstimate, NoPlan) as reason:
        raise Failure(f"{options.file}: {reason}") from reason
    if options.format == "json":
        print(json.dumps(_object(options.file, asked, proposals), indent=1))
    else:
        say("\n".join(_text(options.file, asked, proposals, paint_for(sys.stdout, options.color))))
    return 0 if proposals else 1


def _asked(options: Namespace, analysis: Analysis, job: TrainingJob) -> Asked:
    declared = analysis.declared
    if job.gpu is None or declared is None:
        raise Failure(f"{options.file}: no GPU is declared: say --gpus 64xH100")
    for flag, number in (("--nodes", options.nodes), ("--global-batch", options.global_batch)):
        if number is not None and number < 1:
            raise Failure(f"{flag}: {number} is no number of them")
    gpus = declared.count * (options.nodes or declared.nodes)
    now = job.micro_batch_size * job.gradient_accumulation_steps * job.parallel.data * job.parallel.replicate
    return Asked(analysis, job, gpus, options.global_batch or now)


def _proposals(asked: Asked) -> list[Proposal]:
    gpu = asked.job.gpu
    assert gpu is not None
    rates = rates_of(gpu)
    if rates is None:
        raise NoPlan(f"how fast {gpu_name(gpu)} computes and sends is not known, so no order can be given")
    return plan(asked.job, rates, asked.gpus, asked.global_batch, _means(asked.analysis, asked.job), MOST)


def _means(analysis: Analysis, job: TrainingJob) -> Means:
    """What the framework can do; a job file is for a training loop of one's own, which can do anything."""
    if analysis.dialect is not None and analysis.dialect.name == "job" and not job.written("runtime"):
        return ANY
    return MEANS.get(job.runtime, ANY)


def _text(path: str, asked: Asked, proposals: Sequence[Proposal], paint: Paint) -> Iterator[str]:
    job = asked.job
    assert job.gpu is not None
    yield (
        f"{path}: {model_name(job.model)} on {asked.gpus} × {gpu_name(job.gpu)}, "
        f"{job.sequence_length:,} tokens a row, {asked.global_batch:,} rows a step"
    )
    if not proposals:
        yield "no layout that the framework can do fits: more GPUs, or larger ones"
        return
    for number, proposal in enumerate(proposals, 1):
        yield ""
        yield paint("bold", f"{number:>2}. {_degrees(proposal)}")
        yield f"    {_rest(proposal)}"
        yield f"    {_why(proposal)}"
    if keys := _keys(asked, proposals[0]):
        yield ""
        yield "to write the first:"
        yield from (f"  {name}: {value_text(value)}" for name, value in keys.items())
    yield ""
    yield "step times are a roofline's: a few percent apart they say nothing, and the simpler layout is first"


def _degrees(proposal: Proposal) -> str:
    family, layout = proposal.layout.family, proposal.layout
    said = []
    for name in ("tensor", "pipeline", "context", "expert"):
        degree = getattr(family, name)
        if degree > 1:
            chunks = (
                f" of {layout.virtual_stages} chunks"
                if name == "pipeline" and layout.virtual_stages > 1
                else ""
            )
            said.append(f"{name} {degree}{chunks}")
    said.append(f"data {family.data} ({family.sharding})")
    return ", ".join(said)


def _rest(proposal: Proposal) -> str:
    layout = proposal.layout
    recompute = {"none": "no recomputation", "full": "full recomputation"}.get(
        layout.recompute, f"{layout.recompute} recomputation"
    )
    needs = f"{size(proposal.estimate.device_bytes)}, {proposal.verdict.replace('_', ' ')}"
    return f"micro batch {layout.micro_batch} × {layout.accumulation}, {recompute}: {needs}"


def _why(proposal: Proposal) -> str:
    """Where the predicted time goes."""
    time = proposal.time
    parts = {
        "compute": time.compute,
        "exchange in the layers": time.exchange,
        "waiting in the pipeline": time.bubble,
        "gathering and reducing": time.sharding,
        "optimizer": time.optimizer,
    }
    shares = ", ".join(
        f"{name} {part / time.total:.0%}" for name, part in parts.items() if part >= 0.01 * time.total
    )
    return f"about {time.total:.3g} s a step: {shares}"


def _keys(asked: Asked, proposal: Proposal) -> Mapping[str, Any]:
    """The keys of the file that say the layout, where its dialect can."""
    analysis = asked.analysis
    if analysis.dialect is None:
        return {}
    changes = changes_of(asked.job, proposal.layout)
    keys = analysis.dialect.edits(analysis.values, asked.job, changes) or ()
    return {key_text(key.path): None if key.value is REMOVE else key.value for key in keys}


def _object(path: str, asked: Asked, proposals: Sequence[Proposal]) -> dict[str, Any]:
    gpu = asked.job.gpu
    return {
        "schema_version": 1,
        "path": path,
        "model": asked.job.model.name,
        "gpu": gpu.name if gpu else None,
        "gpus": asked.gpus,
        "global_batch": asked.global_batch,
        "sequence_length": asked.job.sequence_length,
        "proposals": [_proposal(asked, proposal) for proposal in proposals],
    }


def _proposal(asked: Asked, proposal: Proposal) -> dict[str, Any]:
    layout, family, time = proposal.layout, proposal.layout.family, proposal.time
    return {
        "tensor": family.tensor,
        "pipeline": family.pipeline,
        "virtual_stages": layout.virtual_stages,
        "context": family.context,
        "expert": family.expert,
        "data": family.data,
        "sharding": family.sharding,
        "micro_batch": layout.micro_batch,
        "gradient_accumulation_steps": layout.accumulation,
        "recompute": layout.recompute,
        "device_bytes": proposal.estimate.device_bytes,
        "verdict": proposal.verdict,
        "step_seconds": time.total,
        "seconds": {
            "compute": time.compute,
            "exchange": time.exchange,
            "bubble": time.bubble,
            "sharding": time.sharding,
            "optimizer": time.optimizer,
        },
        "keys": dict(_keys(asked, proposal)),
    }
