"""What a scheduler tells a script of the nodes and GPUs that are asked for: SLURM and SkyPilot."""

from __future__ import annotations

from vramlint.dialects.kit.launch_spec import LaunchSpec
from vramlint.dialects.kit.launches import GPU_OPTIONS, batch_options
from vramlint.document import Document
from vramlint.document.place import Place, Snippet
from vramlint.document.shell.values import Fragment, Variable

_NODES = ("SLURM_NNODES", "SLURM_JOB_NUM_NODES")
_GPUS = ("SLURM_GPUS_ON_NODE", "SLURM_GPUS_PER_NODE")


def task_variables(document: Document, task: LaunchSpec) -> dict[str, Variable]:
    """The variables of a SkyPilot task (skypilot 0.10, running-jobs/environment-variables.rst)."""
    found: dict[str, Variable] = {}
    for name, value, path in (
        ("SKYPILOT_NUM_NODES", task.nodes, ("num_nodes",)),
        ("SKYPILOT_NUM_GPUS_PER_NODE", task.count, ("resources", "accelerators")),
    ):
        place = Place(document.nearest_span(path))
        found[name] = Variable((Fragment(str(value), place, "scheduler-header"),), None, True)
    return found


def scheduler_variables(header: LaunchSpec | None, snippet: Snippet) -> dict[str, Variable]:
    """The variables that are certain (sbatch(1) of SLURM 25, "output environment variables")."""
    if header is None:
        return {}
    options = batch_options(snippet.text)
    found: dict[str, Variable] = {}
    asked = options.values.get("--nodes") or options.values.get("-N")
    certain = header.nodes if asked is not None and "-" not in asked else None
    for names, value, keys in ((_NODES, certain, ("--nodes", "-N")), (_GPUS, header.count, GPU_OPTIONS)):
        line = options.place(*keys)
        if value is not None and line is not None:
            fragment = Fragment(str(value), snippet.locate(line), "scheduler-header")
            found |= dict.fromkeys(names, Variable((fragment,), None, True))
    return found
