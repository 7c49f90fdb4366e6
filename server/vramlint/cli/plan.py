"""`vramlint plan`: print the layouts over many GPUs that fit, in the order of their predicted step time."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence

from vramlint.analysis.layouts import Cluster, PlannedLayout, cluster_of, layouts_for
from vramlint.analysis.means import not_offered
from vramlint.cli.arguments import add_color, command_parser
from vramlint.cli.console import Failure, Paint, complain, paint_for, say
from vramlint.cli.estimate import Refusal, examine, located
from vramlint.cli.files import Reader
from vramlint.cli.options import refuse_unknown_gpu
from vramlint.explain.format import size, value_text
from vramlint.explain.stages import stage_table
from vramlint.lint.editing import edits_of_keys
from vramlint.lint.escape import json_text
from vramlint.lint.format import gpu_name, model_name
from vramlint.lint.inert import inert_path
from vramlint.memory import CannotEstimate
from vramlint.planning.ranking import NoPlan
from vramlint.project.overrides import Overrides

_SPENT = {
    "compute": "compute",
    "exchange": "exchange in the layers",
    "bubble": "waiting in the pipeline",
    "sharding": "gathering and reducing",
    "optimizer": "optimizer",
}


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "plan",
        "Print the layouts over many GPUs that fit, or are tight: tensor, pipeline, context, expert and data "
        "degrees, sharding, recomputation and micro batch, ordered by the step time that a roofline model "
        "predicts. "
        "Exit code 0: some fit; 1: none fits; 2: vramlint could not run (bad option, unreadable file).",
    )
    result.add_argument("file", metavar="FILE", help="a training config; - reads standard input")
    result.add_argument("--gpus", metavar="NxNAME", help="the GPUs to plan for, on one node or many: 64xH100")
    result.add_argument(
        "--nodes", type=int, metavar="N", help="number of nodes, each with the GPUs of --gpus"
    )
    result.add_argument(
        "--global-batch",
        type=int,
        metavar="N",
        help="rows per optimizer step (default: as in the file)",
    )
    result.add_argument("--format", choices=("text", "json"), default="text")
    result.add_argument(
        "--apply",
        type=int,
        metavar="N",
        help="write the N-th printed layout into the file (to standard output for -)",
    )
    add_color(result)
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    refuse_unknown_gpu(options.gpus)
    for flag, number in (("--nodes", options.nodes), ("--global-batch", options.global_batch)):
        if number is not None and number < 1:
            raise Failure(f"{flag}: {number} is no number of them")
    outcome = examine(Reader(Overrides(gpu=options.gpus, named=True)), options.file)
    analysis = outcome.analysis
    if analysis is None or analysis.job is None:
        assert isinstance(outcome, Refusal)
        complain(located(options.file, outcome))
        return 2
    try:
        cluster = cluster_of(analysis, options.nodes, options.global_batch)
        layouts = layouts_for(cluster)
    except (CannotEstimate, NoPlan) as reason:
        raise Failure(f"{options.file}: {reason}") from reason
    if options.apply is not None:
        return _apply(options.file, cluster, layouts, options.apply)
    if options.format == "json":
        from vramlint.cli.output.plan_json import plan_object

        print(json_text(plan_object(options.file, cluster, layouts), indent=1))
    else:
        say("\n".join(_text(options.file, cluster, layouts, paint_for(sys.stdout, options.color))))
    return 0 if layouts else 1


def _apply(path: str, cluster: Cluster, layouts: Sequence[PlannedLayout], number: int) -> int:
    """Write one of the layouts into the file."""
    from vramlint.cli.writing import write_edits  # imported late: most runs write nothing

    if not 1 <= number <= len(layouts):
        known = f"there are {len(layouts)}" if layouts else "there is none"
        raise Failure(f"--apply {number}: no such layout of {path}; {known}")
    layout = layouts[number - 1]
    edits = edits_of_keys(cluster.analysis.document, layout.edits) if layout.edits else ()
    if edits is None:
        raise Failure(f"{path}: the keys of this layout cannot be written into the file")
    if write_edits(path, cluster.analysis.document, edits):
        say(f"{path}: {_degrees(layout)}")
        if layout.unsaid:
            say(f"for the launch, or another file, to say: {', '.join(map(_field, layout.unsaid))}")
    return 0


def _text(path: str, cluster: Cluster, layouts: Sequence[PlannedLayout], paint: Paint) -> Iterator[str]:
    job = cluster.job
    assert job.gpu is not None
    yield (
        f"{inert_path(path)}: {model_name(job.model)} on {cluster.gpus} × {gpu_name(job.gpu)}, "
        f"{job.sequence_length:,} tokens a row, {cluster.global_batch:,} rows a step"
    )
    if not layouts:
        yield (
            f"no layout that the framework can do with {cluster.global_batch:,} rows a step fits: more GPUs, "
            "larger ones, or another --global-batch"
        )
        return
    for number, layout in enumerate(layouts, 1):
        yield ""
        yield paint("bold", f"{number:>2}. {_degrees(layout)}")
        yield f"    {_rest(layout)}"
        yield f"    {_why(layout)}"
        yield from (f"      {line}" for line in stage_table(layout.stages))
    if keys := layouts[0].keys:
        yield ""
        written = edits_of_keys(cluster.analysis.document, layouts[0].edits) is not None
        yield "--apply 1 writes the first:" if written else "to be written by hand, of the first:"
        for name, value in keys.items():
            yield f"  {name}: {value_text(value)}" if value is not None else f"  without {name}"
    if unsaid := layouts[0].unsaid:
        yield ""
        yield f"for the launch, or another file, to say: {', '.join(map(_field, unsaid))}"
    if lacking := not_offered(cluster.means, cluster.experts):
        yield ""
        yield f"not offered, since {_nobody(cluster)} says them: {', '.join(lacking)} degrees"
    yield ""
    yield "step times are a roofline's: a few percent apart they say nothing, and the simpler layout is first"


def _nobody(cluster: Cluster) -> str:
    dialect = cluster.analysis.dialect
    return f"no key of a file of {dialect.title}" if dialect is not None else "nothing"


def _field(name: str) -> str:
    """A field of a job in words."""
    return name.removeprefix("parallel.").replace("_", " ")


def _degrees(layout: PlannedLayout) -> str:
    said = []
    for name in ("tensor", "pipeline", "context", "expert"):
        degree = getattr(layout, name)
        if degree > 1:
            chunks = (
                f" of {layout.virtual_stages} chunks"
                if name == "pipeline" and layout.virtual_stages > 1
                else ""
            )
            said.append(f"{name} {degree}{chunks}")
    copies = f", {layout.replicas} copies" if layout.replicas > 1 else ""
    said.append(f"data {layout.data} ({layout.sharding}{copies})")
    return ", ".join(said)


def _rest(layout: PlannedLayout) -> str:
    recompute = {"none": "no recomputation", "full": "full recomputation"}.get(
        layout.recompute, f"{layout.recompute} recomputation"
    )
    needs = f"{size(layout.device_bytes)}, {layout.verdict.replace('_', ' ')}"
    return f"micro batch {layout.micro_batch} × {layout.gradient_accumulation_steps}, {recompute}: {needs}"


def _why(layout: PlannedLayout) -> str:
    """Where the predicted time goes."""
    shares = ", ".join(
        f"{_SPENT[name]} {part / layout.step_seconds:.0%}"
        for name, part in layout.seconds.items()
        if part >= 0.01 * layout.step_seconds
    )
    return f"about {layout.step_seconds:.3g} s a step: {shares}"
