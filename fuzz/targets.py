"""What must hold of any input. A target raises where it does not: AssertionError, or what the code raised."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.analysis.failures import listen
from vramlint.catalog.config_json import model_from_config
from vramlint.dialects.launching.lines import runs_in
from vramlint.document import Document, Language, Node
from vramlint.document.edit import remove_key, set_key
from vramlint.job import TrainingJob
from vramlint.lint.directives import read_directives
from vramlint.lint.inert import inert
from vramlint.lint.result import Analysis
from vramlint.memory import CannotEstimate, estimate_job
from vramlint.project.overrides import Overrides
from vramlint.project.settings import parse_settings
from vramlint.project.workspace import Workspace

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NOWHERE = Path("/nowhere/at/all")
"""A folder without files: what is analysed there reads nothing from the disk."""
READERS: Mapping[str, Any] = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}
REFUSALS = (ValueError, TypeError, LookupError, AttributeError, RecursionError, yaml.YAMLError)
MOST_FIXED = 2
"""Findings of a file whose fixes are worked out: a search is dearer than all else."""
_OVERRIDES = Overrides(gpu="A100-80GB x8", by_count=True)


class Failed(Exception):
    """A part of vramlint failed inside and was passed over."""


def parses(text: str, language: Language) -> Document:
    """Any text has a document, whose positions lie in the text and whose values can be changed."""
    document = Document.parse(text, language=language)
    for problem in document.problems:
        assert 0 <= problem.span.start <= problem.span.end <= len(text), problem
        assert problem.message
    for comment in document.comments:
        assert text[slice(*comment.span)] == comment.text
    stack: list[Node] = [document.root] if document.root else []
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if id(node) in seen:  # an alias is the same node again
            continue
        seen.add(id(node))
        assert 0 <= node.span.start <= node.span.end <= len(text), node
        stack += [*node.items, *(pair.key for pair in node.pairs), *(pair.value for pair in node.pairs)]
    for offset in (0, len(text) // 2, len(text)):
        place = document.place_at(offset)
        if place is not None:
            document.nearest_span(place.path)
    if language in READERS:
        set_key(document, ("a", "b"), 1)
        remove_key(document, ("a",))
    return document


def agrees(text: str, language: Language) -> None:
    """The values are those of the language's own reader, and a text that it refuses has a problem."""
    text = text.replace("\ufeff", "")  # inside a text, libyaml and the pure loader differ on it
    document = parses(text, language)
    problems = [problem for problem in document.problems if problem.kind != "duplicate-key"]
    try:
        expected = READERS[language](text)
    except REFUSALS:
        assert problems or (language == "yaml" and not _refused_by_libyaml(text))
        return
    if any(problem.kind in ("too-large", "too-deep") for problem in problems):
        return
    assert problems == []
    found = document.values() if language != "toml" else document.values() or {}
    assert _plain(found) == _plain(expected)


def _refused_by_libyaml(text: str) -> bool:
    try:
        yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except REFUSALS as error:
        return "single document" not in str(error)
    return False


def _plain(value: Any) -> str:
    """The value with its types; NaN equals itself here, and an alias in itself ends."""
    return repr(value)


def analysed(text: str, name: str = "t.yaml", others: Mapping[str, str] | None = None) -> Analysis:
    """A file is analysed, its fixes are worked out, and nothing inside fails. `others`: files beside it."""
    overlay = {str(NOWHERE / other): content for other, content in (others or {}).items()}
    faults: list[tuple[str, BaseException | None]] = []
    listen(lambda message, error: faults.append((message, error)))
    try:
        workspace = Workspace(NOWHERE, overlay=overlay)
        analysis = analyse(Document.parse(text, str(NOWHERE / name)), workspace, _OVERRIDES)
        for finding in analysis.findings[:MOST_FIXED]:
            fixes_for(analysis, finding, 1)
    finally:
        listen(None)
    if faults:
        message, error = faults[0]
        raise Failed(message) from error
    assert analysis.cannot is None or analysis.cannot.code != "internal-error", analysis.cannot
    for finding in analysis.findings:
        assert len(finding.message) <= 2_000
        assert finding.message == inert(finding.message), finding.message  # unassigned characters may stay
    return analysis


def settings(text: str) -> None:
    """Any settings file is read, and what is wrong with it is said."""
    for name in ("vramlint.toml", "pyproject.toml"):
        found = parse_settings(text, name)
        if found is not None:
            found.for_path("/x/y.yaml")
            found.level("VL101", "does-not-fit", "error")


def directives(text: str) -> None:
    """Any comments are read, and positions of what is wrong lie in the text."""
    read_directives(Document.parse(text, "t.yaml"))


def config_json(config: Mapping[str, Any]) -> None:
    """Any config.json is a model, or none; an estimate of it is made or refused."""
    model = model_from_config(config, "m")
    if model is not None:
        try:
            made = estimate_job(TrainingJob(model=model, micro_batch_size=1, sequence_length=8))
        except CannotEstimate:
            return
        assert made.high_bytes >= 0


def launch_line(text: str) -> None:
    """Any shell text is read for the runs that it starts."""
    runs_in(text)
    analysed(text, "launch.sh")


def program(text: str) -> None:
    """Any Python is read for the runs that it starts."""
    analysed(text, "train.py")
