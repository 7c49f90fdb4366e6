"""Peels the launchers off a command: what is left is the program that trains, with its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from vramlint.dialects.kit.run import Given, Launch
from vramlint.dialects.launching.arguments import is_flag
from vramlint.dialects.launching.options import (
    ACCELERATE,
    COMPOSER,
    DEEPSPEED,
    TORCHRUN,
    Options,
    engine_keys,
)
from vramlint.document.place import Place
from vramlint.document.shell.environment import changes
from vramlint.lazy_dataclasses import dataclass, field, replace


@dataclass(slots=True)
class Peeled:
    """A command on its way: the launchers taken off so far, and the words that are left."""

    words: Sequence[Given]
    place: Place
    by: list[str] = field(default_factory=list)
    per_node: Given | None = None
    nodes: Given | None = None
    processes: Given | None = None
    engine_file: Given | None = None
    engine: dict[str, Given] = field(default_factory=dict)
    environment: dict[str, Given] = field(default_factory=dict)
    """Variables that a launcher sets for what it starts."""
    kept: Callable[[str], bool] = lambda name: True
    """Whether a variable of the script reaches what is started."""
    module: bool = False
    """The first word is a module's name, not a file's."""

    def launch(self) -> Launch:
        """What starts the program that is left."""
        return Launch(
            self.place,
            tuple(self.by),
            self.processes,
            self.per_node,
            self.nodes,
            self.engine_file,
            self.engine,
        )


_WRAPPERS = frozenset(
    (
        "srun", "mpirun", "mpiexec", "uv", "uvx", "poetry", "pdm", "pixi", "conda", "micromamba", "mamba",
        "docker", "podman", "singularity", "apptainer", "nohup", "time", "env", "exec", "sudo", "nice",
        "numactl", "taskset", "timeout", "coverage", "nsys", "ncu", "xargs", "rye", "hatch", "pipenv",
        "command", "stdbuf", "setsid", "tmux", "screen", "ssh", "sbatch", "salloc", "sky", "ray", "bsub",
        "enroot",
    )
)  # fmt: skip
"""They start another command, after options of their own: what follows from the first known program on."""
_PROGRAM = re.compile(
    r"(?:python[\d.]*|torchrun|accelerate|accelerate-launch|deepspeed|axolotl|llamafactory-cli|lmf|swift"
    r"|megatron|tune|litgpt|trl|composer|llmfoundry|oumi|bash|sh|torchx|mlx_lm\.\w+|automodel)\Z"
)
"""Programs that train, or start what trains."""


def peel(words: Sequence[Given], place: Place) -> Peeled | None:
    """The command without its launchers; None where it starts nothing known, or a word on the way is open."""
    left = Peeled(words, place)
    for _ in range(12):
        name = _name(left.words)
        step = _STEPS.get(name) or (_python if re.fullmatch(r"python[\d.]*", name) else None)
        if name in _WRAPPERS:
            step = _wrapper
        if step is None:
            return left if left.words else None
        if not step(left):
            return left
    return None


def _name(words: Sequence[Given]) -> str:
    """The first word without its folder."""
    first = words[0].value if words else None
    return PurePosixPath(first).name if isinstance(first, str) else ""


_VALUED: Mapping[str, frozenset[str]] = {
    name: frozenset(options.split())
    for name, options in {
        "uv": "--with --with-editable --with-requirements -w --python -p --project --group --extra "
        "--directory --package --env-file --index --index-url --from --only-group",
        "uvx": "--with --from --python -p --index --index-url",
        "docker": "--name -h --hostname -v --volume -e --env -w --workdir --network -p --gpus --shm-size "
        "--ipc --mount -u --user --entrypoint --label -l --env-file --ulimit --runtime --platform --cpus -m "
        "--memory",
        "conda": "-n --name -p --prefix --cwd",
        "srun": "-J --job-name -p --partition -A --account -w --container-name",
        "xargs": "-I -n -P -a -d",
    }.items()
}
"""Options of launchers whose next word is a name of one's own, which may be that of a program."""
_ALIKE = {"podman": "docker", "micromamba": "conda", "mamba": "conda", "sbatch": "srun", "salloc": "srun"}


def _container(left: Peeled, option: str, given: Given) -> None:
    """The GPUs that a container is given (`docker run --gpus 2`)."""
    value = str(given.value).strip("\"'")
    if option == "--gpus" and value.startswith("device="):
        left.environment["CUDA_VISIBLE_DEVICES"] = replace(given, value=value.partition("=")[2])
    elif option == "--gpus" and value.isdigit():
        left.environment["CUDA_VISIBLE_DEVICES"] = replace(given, value=",".join(map(str, range(int(value)))))


def _handed_on(left: Peeled, words: Sequence[Given]) -> None:
    """Heed what the words of a launcher change of the environment."""
    changed = changes([str(word.value) for word in words])
    before = left.kept
    left.kept = lambda name: before(name) and changed.keeps(name)
    left.environment = {name: given for name, given in left.environment.items() if changed.keeps(name)}
    for name, word, start, end in changed.settings:
        left.environment[name] = replace(words[word], value=str(words[word].value)[start:end])


_SWITCHES = frozenset(
    (
        "-d", "--detach", "-i", "--interactive", "-t", "--tty", "--rm", "--init", "--privileged", "-P",
        "--publish-all", "--read-only", "--sig-proxy", "--no-healthcheck", "--oom-kill-disable",
        "--disable-content-trust", "-q", "--quiet",
    )
)  # fmt: skip
"""Options of `docker run` that take no value (docker run of Docker 28); every other one does."""
_BUNDLED = re.compile(r"-[ditPq]+\Z")


def _entered(words: Sequence[Given]) -> Sequence[Given]:
    """`docker run --entrypoint PROGRAM IMAGE ARGUMENTS` with the program in the place of the image, where the
    container starts it with the arguments.
    """
    entry: Given | None = None
    kept = list(words[:2])
    at = 2
    while at < len(words) and is_flag(words[at]):
        option, equals, value = str(words[at].value).partition("=")
        alone = equals or option in _SWITCHES or _BUNDLED.match(option)
        taken = words[at : at + (1 if alone else 2)]
        if option == "--entrypoint":
            entry = replace(taken[0], value=value) if equals else taken[-1]
        else:
            kept += taken
        at += len(taken)
    return words if entry is None else [*kept, entry, *words[at + 1 :]]


def _wrapper(left: Peeled) -> bool:
    own = _name(left.words)
    left.by.append(own)
    if _ALIKE.get(own, own) == "docker":
        left.words = _entered(left.words)
    valued = _VALUED.get(_ALIKE.get(own, own), frozenset())
    given: list[tuple[str, Given]] = []
    for index in range(1, len(left.words)):
        word = left.words[index].value
        name = _name(left.words[index:])
        if left.words[index - 1].value in valued:
            given.append((str(left.words[index - 1].value), left.words[index]))
            continue
        configured = [each.value for each in left.words[index + 1 : index + 2]] == [
            "@"
        ]  # `uv run sft @ a.toml`
        script = isinstance(word, str) and word.endswith(".py")
        subcommand = index == 1 and name == "exec"  # `docker exec`, `apptainer exec`
        if not subcommand and (_PROGRAM.match(name) or name in _WRAPPERS or script or configured):
            _handed_on(left, left.words[:index])
            for option, value in given:
                _container(left, option, value)
            left.words = left.words[index:]
            return True
    left.words = ()
    return True


def _options(left: Peeled, options: Options, name: str, skip: int = 1) -> dict[str, Given]:
    found, at = options.split(left.words[skip:])
    left.by.append(name)
    left.words = left.words[skip + at :]
    left.module = bool({"m", "module"} & found.keys())
    return found


def _torchrun(left: Peeled, skip: int = 1) -> bool:
    found = _options(left, TORCHRUN, "torchrun", skip)
    left.per_node = found.get("nproc_per_node", left.per_node)
    left.nodes = found.get("nnodes", left.nodes)
    return False


def _accelerate(left: Peeled) -> bool:
    words = left.words
    is_launch = _name(words) == "accelerate-launch" or (len(words) > 1 and words[1].value == "launch")
    if not is_launch:
        left.words = ()
        return False
    found = _options(left, ACCELERATE, "accelerate", 1 if _name(words) == "accelerate-launch" else 2)
    left.engine = engine_keys(found)
    left.engine_file = found.get("config_file")
    left.processes = found.get("num_processes", left.processes)
    left.nodes = found.get("num_machines", left.nodes)
    return False


def _deepspeed(left: Peeled) -> bool:
    found = _options(left, DEEPSPEED, "deepspeed")
    left.per_node = found.get("num_gpus", found.get("num_accelerators", left.per_node))
    left.nodes = found.get("num_nodes", left.nodes)
    included = found.get("include", found.get("i"))
    if included and isinstance(included.value, str) and "@" not in included.value and ":" in included.value:
        count = included.value.rpartition(":")[2].count(",") + 1
        left.per_node = Given(count, included.place, "implied")
    return False


def _composer(left: Peeled) -> bool:
    """`composer -n 8 train.py …` starts a process for each GPU where no number is given (cli/launcher.py of
    composer 0.32).
    """
    found = _options(left, COMPOSER, "composer")
    left.per_node = found.get("nproc", found.get("n", left.per_node))
    left.processes = found.get("world_size", left.processes)
    return False


def _deepy(left: Peeled) -> bool:
    """`deepy.py train.py -d FOLDER A.yml B.yml` starts deepspeed (deepy.py of gpt-neox 2.0)."""
    left.by += ["deepy", "deepspeed"]
    left.words = left.words[1:]
    return False


def _oumi(left: Peeled) -> bool:
    """`oumi distributed torchrun -m oumi train …` hands the rest to a launcher with the number of all GPUs
    (core/cli/distributed_run.py of oumi 0.9).
    """
    if [each.value for each in left.words[1:2]] != ["distributed"]:
        return False
    left.by.append("oumi")
    left.words = left.words[2:]
    return True


_MODULES: Mapping[str, Callable[[Peeled], bool]] = {
    "torch.distributed.run": _torchrun,
    "torch.distributed.launch": _torchrun,
    "accelerate.commands.launch": lambda left: _accelerate(left),
}


def _python(left: Peeled) -> bool:
    for index in range(1, len(left.words)):
        word = left.words[index].value
        if not isinstance(word, str):
            left.words = left.words[index:]
            return False
        if word == "-m" and index + 1 < len(left.words):
            module = left.words[index + 1].value
            left.words = left.words[index + 1 :]
            if module in _MODULES:
                if module.startswith("accelerate"):
                    left.words = [Given("accelerate-launch", left.place), *left.words[1:]]
                return _MODULES[module](left)
            left.by.append("python")
            left.module = True
            return False
        if word == "-c":
            left.words = ()
            return False
        if word in ("-W", "-X"):
            continue
        if not word.startswith("-"):
            left.by.append("python")
            left.words = left.words[index:]
            return _name(left.words) in _STEPS
    left.words = ()
    return False


_STEPS: Mapping[str, Callable[[Peeled], bool]] = {
    "torchrun": _torchrun,
    "accelerate": _accelerate,
    "accelerate-launch": _accelerate,
    "deepspeed": _deepspeed,
    "composer": _composer,
    "deepy.py": _deepy,
    "oumi": _oumi,
}
