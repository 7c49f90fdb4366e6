"""What SLURM tells a batch script of the nodes and GPUs that its `#SBATCH` lines ask for."""

from __future__ import annotations

from vramlint.dialects.kit.launches import GPU_OPTIONS, LaunchSpec, batch_options
from vramlint.document.place import Snippet
from vramlint.document.shell.values import Fragment, Variable

_NODES = ("SLURM_NNODES", "SLURM_JOB_NUM_NODES")
_GPUS = ("SLURM_GPUS_ON_NODE", "SLURM_GPUS_PER_NODE")


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
