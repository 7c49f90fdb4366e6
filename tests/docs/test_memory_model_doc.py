"""Every worked example of docs/memory-model.md gives the numbers under it; `--snapshot-update` writes them
anew.

An example is a YAML block that begins with `# example N`: a job file, or two documents of which the second
says what changes. The block of text behind it lists figures of the first job, one a line, as `label:
number unit`; "more" behind a label is the second job's figure minus the first's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.memory import Estimate
from vramlint.project.workspace import Workspace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "memory-model.md"
EXAMPLE = re.compile(r"```yaml\n(# example (\d+).*?)```\s+```text\n(.*?)```", re.DOTALL)
FIGURE = re.compile(r"^(?P<label>[\w ,-]+): (?P<number>[\d.,-]+)(?: (?P<unit>GB|GiB|MiB|MB|bytes|percent))?$")
UNITS = {"GB": 1e9, "GiB": 2.0**30, "MiB": 2.0**20, "MB": 1e6, "bytes": 1.0, "percent": 0.01, None: 1.0}
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
    "saved model": lambda e: e.checkpoint_bytes["weights"],
    "band": lambda e: e.error_band,
}


@dataclass(frozen=True, slots=True)
class Example:
    """One worked example as it stands on the page."""

    number: int
    jobs: tuple[dict[str, Any], ...]
    figures: str


def examples() -> list[Example]:
    found = []
    for block, number, figures in EXAMPLE.findall(PAGE.read_text(encoding="utf-8")):
        first, *changes = yaml.safe_load_all(block)
        found.append(Example(int(number), (first, *({**first, **change} for change in changes)), figures))
    return found


def estimated(job: dict[str, Any]) -> Estimate:
    text = yaml.safe_dump(job, sort_keys=False)
    answer = analyse(Document.parse(text, path="example.job.yaml"), Workspace(PAGE.parent)).estimate
    assert answer is not None, text
    return answer


def worked_out(example: Example) -> str:
    """The figures of an example as they should stand."""
    answers = [estimated(job) for job in example.jobs]
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


@pytest.mark.parametrize("example", examples(), ids=lambda example: f"example-{example.number}")
def test_the_figures_of_an_example(example: Example, request: pytest.FixtureRequest) -> None:
    now = worked_out(example)
    if request.config.getoption("--snapshot-update") and now != example.figures:
        text = PAGE.read_text(encoding="utf-8")
        head, _, rest = text.partition(f"# example {example.number}\n")
        rest = rest.replace(f"```text\n{example.figures}```", f"```text\n{now}```", 1)
        PAGE.write_text(f"{head}# example {example.number}\n{rest}", encoding="utf-8")
        return
    assert now == example.figures


def test_examples_are_numbered_in_order() -> None:
    assert [example.number for example in examples()] == list(range(1, len(examples()) + 1))
    assert len(examples()) >= 20
    assert PAGE.read_text(encoding="utf-8").count("```yaml") == len(examples())


def test_each_component_has_its_section() -> None:
    headings = re.findall(r"^##+ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    for part in ("Weights", "Gradients", "Optimizer states", "Activations", "loss", "Checkpointing", "LoRA"):
        assert any(part in heading for heading in headings), part
    for part in ("attention", "sharding", "allocator", "error band"):
        assert any(part.lower() in heading.lower() for heading in headings), part
