"""Which releases run together: the libraries that a framework's release asks for, or those of its time.

A run names few of its versions. A framework that pins its libraries says the others; one that only sets
floors was tested with, and is mostly installed beside, the newest libraries of its day.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

from vramlint.versions import at_least

Libraries: TypeAlias = Mapping[str, str]

_TIMES: tuple[tuple[str, str, str, str], ...] = (
    ("2.8", "4.55", "0.47", "1.10"),
    ("2.7", "4.51", "0.45.5", "1.6"),
    ("2.6", "4.48", "0.45", "1.3"),
    ("2.5", "4.46", "0.44", "1.0"),
    ("2.4", "4.43", "0.43.3", "0.33"),
    ("2.3", "4.40", "0.43.1", "0.29"),
    ("2.2", "4.37", "0.42", "0.26"),
    ("2.1", "4.35", "0.41", "0.23"),
    ("2.0", "4.31", "0.39", "0.20"),
)
"""The first torch, transformers, bitsandbytes and accelerate of a time (PyPI's release dates), newest
first.
"""
_OF_TIMES = ("torch", "transformers", "bitsandbytes", "accelerate")

_BY_RELEASE: Mapping[str, tuple[tuple[str, Libraries], ...]] = {
    "axolotl": (
        ("0.21", {"transformers": "5.20.1", "trl": "1.14.1", "peft": "0.21.2", "accelerate": "1.15.0"}),
        ("0.20", {"transformers": "5.17.0", "trl": "1.13.0", "peft": "0.21.0", "accelerate": "1.15.0"}),
        ("0.19", {"transformers": "5.16.1", "trl": "1.9.0", "peft": "0.20.0", "accelerate": "1.13.0"}),
        ("0.18", {"transformers": "5.14.1", "trl": "1.8.0", "peft": "0.19.1", "accelerate": "1.13.0"}),
        ("0.17", {"transformers": "5.9.0", "trl": "1.5.1", "peft": "0.19.1", "accelerate": "1.13.0"}),
        ("0.16", {"transformers": "5.5.0", "trl": "0.29.0", "peft": "0.18.1", "accelerate": "1.13.0"}),
        ("0.15", {"transformers": "5.3.0", "trl": "0.29.0", "peft": "0.18.1", "accelerate": "1.13.0"}),
        ("0.14", {"transformers": "5.0.0", "trl": "0.27.1", "peft": "0.18.1", "accelerate": "1.12.0"}),
        ("0.13.2", {"transformers": "4.57.6", "trl": "0.27.0", "peft": "0.18.1", "accelerate": "1.12.0"}),
        ("0.13", {"transformers": "4.57.1", "trl": "0.25.0", "peft": "0.17.1", "accelerate": "1.11.0"}),
        ("0.12", {"transformers": "4.55.0", "trl": "0.21.0", "peft": "0.17.0", "accelerate": "1.10.0"}),
        ("0.11", {"transformers": "4.53.1", "trl": "0.18.2", "peft": "0.15.2", "accelerate": "1.8.1"}),
        ("0.10", {"transformers": "4.52.3", "trl": "0.18.1", "peft": "0.15.2", "accelerate": "1.7.0"}),
        ("0.9", {"transformers": "4.51.3", "trl": "0.17.0", "peft": "0.15.2", "accelerate": "1.6.0"}),
        ("0.8.1", {"transformers": "4.51.0", "trl": "0.16.1", "peft": "0.15.1", "accelerate": "1.6.0"}),
        ("0.8", {"transformers": "4.50.3", "trl": "0.16.0", "peft": "0.15.0", "accelerate": "1.5.2"}),
        ("0.7.1", {"transformers": "4.49.0", "trl": "0.15.1", "peft": "0.14.0", "accelerate": "1.3.0"}),
        ("0.7", {"transformers": "4.48.3", "trl": "0.15.0", "peft": "0.14.0", "accelerate": "1.3.0"}),
        ("0.6", {"transformers": "4.47", "trl": "0.12.1", "peft": "0.14.0", "accelerate": "1.2.0"}),
        ("0.5", {"transformers": "4.46.1", "trl": "0.12.0", "peft": "0.13.2", "accelerate": "1.1.0"}),
        ("0.4", {"transformers": "4.37.0", "trl": "0.7.9", "peft": "0.7.0", "accelerate": "0.26.1"}),
        ("0", {"transformers": "4.33", "torch": "2.0.1"}),
    ),
    "llamafactory": (
        ("0.9.5", {"transformers": "5.6.0", "trl": "0.24.0", "peft": "0.18.1", "accelerate": "1.11.0"}),
        ("0.9.4", {"transformers": "4.57.1", "trl": "0.24.0", "peft": "0.17.1", "accelerate": "1.11.0"}),
        ("0.9.3", {"transformers": "4.52.4", "trl": "0.9.6", "peft": "0.15.2", "accelerate": "1.7.0"}),
        ("0.9.2", {"transformers": "4.49.0", "trl": "0.9.6", "peft": "0.12.0", "accelerate": "1.2.1"}),
        ("0.9.1", {"transformers": "4.46.1", "trl": "0.9.6", "peft": "0.12.0", "accelerate": "1.0.1"}),
        ("0.9", {"transformers": "4.45.0", "trl": "0.9.6", "peft": "0.12.0", "accelerate": "0.33.0"}),
        ("0.8.3", {"transformers": "4.42"}),
        ("0.8", {"transformers": "4.41"}),
        ("0.7", {"transformers": "4.40"}),
        ("0", {"transformers": "4.37"}),
    ),
    "unsloth": (
        ("2026.4", {"transformers": "5.5.0", "trl": "0.24.0"}),
        ("2026.3", {"transformers": "5.2.0", "trl": "0.24.0"}),
        ("2026.1", {"transformers": "4.57.6", "trl": "0.24.0"}),
        ("2025.11", {"transformers": "4.57.2", "trl": "0.24.0"}),
        ("2025.10", {"transformers": "4.56.2", "trl": "0.23.0"}),
        ("2025.9", {"transformers": "4.55.4", "trl": "0.22"}),
        ("2025.8", {"transformers": "4.55"}),
        ("2025.7", {"transformers": "4.53"}),
        ("2025.6", {"transformers": "4.52.4"}),
        ("2025.5", {"transformers": "4.51.3", "trl": "0.15.2"}),
        ("2025.3", {"transformers": "4.49", "trl": "0.15.2"}),
        ("2025.1", {"transformers": "4.48"}),
        ("2024.11", {"transformers": "4.46"}),
        ("2024.9", {"transformers": "4.44"}),
        ("2024.5", {"transformers": "4.41"}),
        ("0", {"transformers": "4.38"}),
    ),
    "litgpt": (("0", {"bitsandbytes": "0.42.0"}),),
    "h2o-llm-studio": (
        ("0", {"transformers": "4.56.1", "peft": "0.17.1", "torch": "2.8.0", "deepspeed": "0.17.5"}),
    ),
    "oumi": (("0", {"transformers": "5.16.0", "trl": "1.6.0", "peft": "0.19.1", "accelerate": "1.15.0"}),),
    "ms-swift": (
        ("4.6", {"transformers": "5.19.0", "trl": "0.29.1"}),
        ("4.2", {"transformers": "5.8.0", "trl": "0.29.1"}),
        ("4.0", {"transformers": "5.2.0", "trl": "0.28.0"}),
        ("3.9", {"transformers": "4.57.6", "trl": "0.24.0"}),
        ("3.6", {"transformers": "4.52.4", "trl": "0.19.1"}),
        ("3.3", {"transformers": "4.51.3", "trl": "0.16.1"}),
        ("0", {"transformers": "4.47.1", "trl": "0.11.4"}),
    ),
    "trl": (
        ("1.0", {}),
        ("0.29", {"transformers": "5.2"}),
        ("0.28", {"transformers": "5.1"}),
        ("0.24", {"transformers": "4.57"}),
        ("0.22", {"transformers": "4.56"}),
        ("0.21", {"transformers": "4.55"}),
        ("0.20", {"transformers": "4.54"}),
        ("0.18", {"transformers": "4.52"}),
        ("0.17", {"transformers": "4.51"}),
        ("0.16", {"transformers": "4.50"}),
        ("0.14", {"transformers": "4.48"}),
        ("0.13", {"transformers": "4.47"}),
        ("0.12", {"transformers": "4.46"}),
        ("0.10", {"transformers": "4.44"}),
        ("0.9", {"transformers": "4.41"}),
        ("0.8", {"transformers": "4.39"}),
        ("0", {"transformers": "4.37"}),
    ),
    "transformers": (
        ("5.3", {}),
        ("5.0", {"accelerate": "1.12"}),
        ("4.57", {"accelerate": "1.11"}),
        *(
            (transformers, dict(zip(_OF_TIMES, row, strict=True)))
            for row in _TIMES
            for transformers in row[1:2]
        ),
    ),
    "torch": (
        ("2.9", {}),
        *((row[0], dict(zip(_OF_TIMES, row, strict=True))) for row in _TIMES),
    ),
}
"""A framework's releases, newest first, and what runs with each; before the first, as with the first.

Pins and upper bounds: requirements.txt and pyproject.toml of axolotl 0.3 to 0.18 and of LLaMA-Factory 0.5.3
to 0.9.5, the metadata of axolotl 0.19 to 0.21, upper bounds in the metadata of ms-swift 2.6 to 4.6
and oumi 0.9, pyproject.toml of unsloth 2024.5 to 2026.7 and H2O LLM Studio 1.14, litgpt 0.5.13
(finetune/lora.py warns of any other bitsandbytes). Of TRL, which sets floors only, and of the releases above
that name no pin: the newest transformers on the day of the tag. transformers 5.3 and later leave accelerate
open: 1.13, of those months, is known for a fault that later releases do not have.
"""


def together(named: Libraries, framework: str = "") -> dict[str, str]:
    """The named versions, and those that they imply. `framework` is the one that runs, as its newest release
    where it is not named. A library that nothing speaks of is left out: the newest is assumed.
    """
    found = dict(named)
    pending = [name for name in (framework, *_BY_RELEASE) if name in found or name == framework]
    for name in pending:
        for library, version in _implied(name, found.get(name)).items():
            if library not in found:
                found[library] = version
                pending.append(library)
    return found


@cache
def _implied(framework: str, version: str | None) -> Libraries:
    rows = _BY_RELEASE.get(framework, ())
    return next(
        (libraries for since, libraries in rows if at_least(version, since)), rows[-1][1] if rows else {}
    )


def newest_beside(framework: str, library: str, version: str) -> str:
    """The newest known release of a framework that ran with nothing newer than this release of a library."""
    rows = [(since, beside[library]) for since, beside in _BY_RELEASE[framework] if library in beside]
    return next((since for since, newest in rows if at_least(version, newest)), rows[-1][0])
