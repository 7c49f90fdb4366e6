"""Jobs that a program hands to Amazon SageMaker: an estimator as the launch line that SageMaker makes of it.

Sources: sagemaker 2.250, huggingface/estimator.py, pytorch/estimator.py; sagemaker-training 4.8,
torch_distributed.py (torchrun over all GPUs of all instances); sizes of instances by EC2's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vramlint.document.place import Place
from vramlint.document.python.values import Known, Made, Open, Table, Value
from vramlint.document.shell.found import Command
from vramlint.document.shell.values import Fragment
from vramlint.document.shell.values import Value as ShellValue


class Instance(NamedTuple):
    """A family of instances: its GPU, and how many of them each size has ("": every other size)."""

    gpu: str
    counts: Mapping[str, int]


_SMALL = {"": 1, "12xlarge": 4, "24xlarge": 4, "48xlarge": 8}
INSTANCES: Mapping[str, Instance] = {
    "p3": Instance("V100-16GB", {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8}),
    "p3dn": Instance("V100-32GB", {"24xlarge": 8}),
    "p4d": Instance("A100-40GB", {"24xlarge": 8}),
    "p4de": Instance("A100-80GB", {"24xlarge": 8}),
    "p5": Instance("H100", {"4xlarge": 1, "48xlarge": 8}),
    "p5e": Instance("H200", {"48xlarge": 8}),
    "p5en": Instance("H200", {"48xlarge": 8}),
    "p6-b200": Instance("B200", {"48xlarge": 8}),
    "g4dn": Instance("T4", {"": 1, "12xlarge": 4, "metal": 8}),
    "g5": Instance("A10G", _SMALL),
    "g6": Instance("L4", _SMALL),
    "g6e": Instance("L40S", _SMALL),
}
_TYPE = re.compile(r"ml\.([a-z]\d\w*(?:-b\d+)?)\.(\w+)\Z")
_ESTIMATORS = ("HuggingFace", "PyTorch")


def is_estimator(made: Made) -> bool:
    """Whether a call makes an estimator that runs a script of Hugging Face or PyTorch."""
    return made.name.startswith("sagemaker.") and made.kind in _ESTIMATORS and made.owner is None


def instance_of(made: Made) -> tuple[str, int] | None:
    """The GPU of an estimator's instances and how many each has; None where it is not known."""
    value = made.argument("instance_type")
    found = _TYPE.match(str(value.value)) if isinstance(value, Known) else None
    family = INSTANCES.get(found[1]) if found else None
    if found is None or family is None:
        return None
    count = family.counts.get(found[2], family.counts.get(""))
    return (family.gpu, count) if count is not None else None


def command_of(made: Made, visible: Mapping[str, ShellValue]) -> Command | None:
    """The command that SageMaker runs on each instance."""
    entry = made.argument("entry_point", 0)
    if not isinstance(entry, Known) or not str(entry.value).endswith(".py"):
        return None
    words = [*_launcher(made), _word(str(entry.value), entry.place)]
    hyperparameters = made.argument("hyperparameters")
    if isinstance(hyperparameters, Table):
        for name, value in hyperparameters.entries.items():
            key = hyperparameters.words[name].key if name in hyperparameters.words else hyperparameters.place
            words += [_word(f"--{name}", key), _value(value, made.place)]
        if not hyperparameters.whole:
            hyperparameters = Open("there may be more of them", hyperparameters.place)
    if hyperparameters is not None and not isinstance(hyperparameters, Table):
        words.append((Fragment(None, made.place, why="arguments of the script are not known here"),))
    places = tuple(word[0].place for word in words)
    return Command(tuple(words), made.place, {}, visible, (), places)


def _launcher(made: Made) -> Iterator[ShellValue]:
    """torchrun where a distribution is asked for, else one process."""
    if made.argument("distribution") is None:
        yield _word("python", made.place)
        return
    instance = instance_of(made)
    asked = made.words["instance_type"].value if "instance_type" in made.words else made.place
    yield _word("torchrun", made.place)
    yield _word("--nproc_per_node", made.place)
    yield _word(str(instance[1]), asked) if instance else _unknown(asked, "the type of instance is not known")
    count = made.argument("instance_count")
    yield _word("--nnodes", made.place)
    yield _value(count, made.place) if count is not None else _unknown(made.place, "no count of instances")


def _value(value: Value, place: Place) -> ShellValue:
    if isinstance(value, Known):
        return (Fragment(str(value.value), value.place, value.how, quoted=True),)
    return _unknown(place, value.why if isinstance(value, Open) else "only the run knows")


def _word(text: str, place: Place) -> ShellValue:
    return (Fragment(text, place, quoted=True),)


def _unknown(place: Place, why: str) -> ShellValue:
    return (Fragment(None, place, why=why, quoted=True),)
