"""The figures under the worked examples of docs/memory-model.md; `scripts/generate` works them out anew.

An example is a YAML block that begins with `# example N`: a job file, or two documents of which the second
says what changes. The block of text after it lists figures of the first job, one a line, as `label:
number unit`; "more" after a label is the second job's figure minus the first's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.memory import Estimate
from vramlint.project.workspace import Workspace

PAGE = Path(__file__).resolve().parent / "memory-model.md"
EXAMPLE = re.compile(r"```yaml\n(# example (\d+).*?)```\s+```text\n(.*?)```", re.DOTALL)
FIGURE = re.compile(r"^(?P<label>[\w ,-]+): (?P<number>[\d.,-]+)(?: (?P<unit>GB|GiB|MiB|MB|bytes|percent))?$")
UNITS = {"GB": 1e9, "GiB": 2.0**30, "MiB": 2.0**20, "MB": 1e6, "bytes": 1.0, "percent": 0.01, None: 1.0}


def _at(name: str, estimate: Estimate) -> float:
    """What is allocated at most at a moment beside the training step."""
    return next(moment.allocated_bytes for moment in estimate.moments if moment.name == name)


FIGURES: dict[str, Callable[[Estimate], float]] = {
    "parameters": lambda e: e.parameters,
    "trained": lambda e: e.trainable_parameters,
    "weights": lambda e: e.components["weights"],
    "gradients": lambda e: e.components["gradients"],
    "optimizer states": lambda e: e.components["optimizer_states"],
    "activations": lambda e: e.components["activations"],
    "overhead": lambda e: e.components["overhead"],
    "all gradients": lambda e: e.component_sizes["gradients"],
    "all optimizer states": lambda e: e.component_sizes["optimizer_states"],
    "most activations": lambda e: e.component_sizes["activations"],
    "allocated": lambda e: e.peak_allocated_bytes,
    "reserved": lambda e: e.peak_reserved_bytes,
    "device": lambda e: e.device_bytes,
    "forward": lambda e: e.phase_peaks["forward"],
    "backward": lambda e: e.phase_peaks["backward"],
    "optimizer": lambda e: e.phase_peaks["optimizer"],
    "evaluation": partial(_at, "evaluation"),
    "generation": partial(_at, "generation"),
    "load": partial(_at, "load"),
    "save": partial(_at, "save"),
    "saved model": lambda e: e.checkpoint_bytes["weights"],
    "band": lambda e: e.error_band,
}


@dataclass(frozen=True, slots=True)
class Example:
    """One worked example as it is on the page."""

    number: int
    jobs: tuple[dict[str, Any], ...]
    figures: str


def examples(text: str) -> list[Example]:
    """All examples of the page."""
    found = []
    for block, number, figures in EXAMPLE.findall(text):
        first, *changes = yaml.safe_load_all(block)
        found.append(Example(int(number), (first, *({**first, **change} for change in changes)), figures))
    return found


def _estimated(job: dict[str, Any]) -> Estimate:
    text = yaml.safe_dump(job, sort_keys=False)
    answer = analyse(Document.parse(text, path="example.job.yaml"), Workspace(PAGE.parent)).estimate
    assert answer is not None, text
    return answer


def worked_out(example: Example) -> str:
    """The figures of an example as they should be."""
    answers = [_estimated(job) for job in example.jobs]
    lines = []
    for line in example.figures.splitlines():
        given = FIGURE.match(line)
        assert given is not None, f"example {example.number}: {line}"
        label = given["label"]
        plain = label.removesuffix(" more")
        value = FIGURES[plain](answers[0])
        if plain != label:
            value = FIGURES[plain](answers[1]) - value
        digits = len(given["number"].partition(".")[2])
        unit = given["unit"]
        number = f"{value / UNITS[unit]:,.{digits}f}"
        lines.append(f"{label}: {number} {unit}" if unit else f"{label}: {number}")
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/memory-model.md with the figures as they are now."""
    text = PAGE.read_text(encoding="utf-8")
    for example in examples(text):
        head, mark, rest = text.partition(f"# example {example.number}\n")
        text = (
            head
            + mark
            + rest.replace(f"```text\n{example.figures}```", f"```text\n{worked_out(example)}```", 1)
        )
    return text
