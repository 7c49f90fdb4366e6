"""What a launch asks for: the kind and number of GPUs, nodes, and the configs that it names."""

from __future__ import annotations

from vramlint.dialects.kit.reader import positive
from vramlint.dialects.kit.run import Given, Run
from vramlint.lazy_dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """One way to start runs. `gpu` is the kind as written there; `count` GPUs a node, None where not said.

    `configs`: the config files that the command names, as written.
    """

    gpu: str | None
    count: int | None
    nodes: int | None
    configs: tuple[str, ...]
    exact: bool = True
    """False where a name such as "a100" can be several GPUs: SLURM's names are the site's own."""


def of_run(run: Run, whole: LaunchSpec | None) -> LaunchSpec:
    """What one launch line asks for, over what its file as a whole does."""
    launch = run.launch
    base = whole or LaunchSpec(None, None, None, ())
    nodes = _whole(launch.nodes) or base.nodes
    count, processes = _whole(launch.per_node), _whole(launch.processes)
    if count is None and processes is not None and processes % (nodes or 1) == 0:
        count = processes // (nodes or 1)
    if count is None and base.count is None and takes_all(run):
        visible = visible_devices(run)
        count = visible.value if visible is not None else None
    named = tuple(dict.fromkeys(str(given.value) for given in run.configs))
    below = tuple(name for name in base.configs if any(name.endswith(f"/{own}") for own in named))
    return replace(base, count=count or base.count, nodes=nodes, configs=named + below)


def takes_all(run: Run) -> bool:
    """Whether the launcher starts a process for each GPU that it sees, where nothing says how many."""
    return run.launch.by[-1:] in (
        ("deepspeed",),
        ("llamafactory-cli",),
        ("llamafactory.cli",),
        ("lmf",),
        ("accelerate",),
        ("composer",),
    )


def visible_devices(run: Run) -> Given | None:
    """The number of GPUs that the run may see; None where the environment does not say."""
    given = run.environment.get("CUDA_VISIBLE_DEVICES")
    if given is None or not isinstance(given.value, str) or not given.value:
        return None
    return replace(given, value=devices_named(given.value))


def devices_named(text: str) -> int:
    """How many GPUs a value of CUDA_VISIBLE_DEVICES names."""
    return text.count(",") + 1


def _whole(given: Given | None) -> int | None:
    """A number of a launch line; of a range, the fewest."""
    return positive(str(given.value).partition(":")[0]) if given else None
