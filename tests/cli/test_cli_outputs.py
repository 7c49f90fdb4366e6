"""Each output format of `check`, on findings made by hand: places, escaping, several places, fixes."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from vramlint.cli.console import Paint
from vramlint.cli.output import FORMATS, render
from vramlint.cli.report import Annotation, FileReport, Placed
from vramlint.document import Span
from vramlint.document.edit import TextEdit
from vramlint.lazy_dataclasses import replace
from vramlint.lint.finding import At, Finding, Fix
from vramlint.project.severity import Severity

TEXT = "# 😀 a comment\nbase_model: m\nnote: {😀: 1, micro_batch_size: 4}\nlast: 1\n"
START = TEXT.index("4}")
MODEL = TEXT.index("m\nnote")


def finding(message: str = "needs 98.5 GiB, RTX 4090 has 23.5") -> Finding:
    return Finding(
        "VL101",
        "does-not-fit",
        "error",
        message,
        At(("note", "micro_batch_size")),
        fixes=(
            Fix("micro_batch_size 1 → 19.8 GiB", (TextEdit(START, START + 1, "1"),), False, 2**34, "fits"),
        ),
    )


def report(message: str = "needs 98.5 GiB, RTX 4090 has 23.5") -> FileReport:
    related = (
        Annotation(Span(MODEL, MODEL + 1), "15.0 GiB of weights"),
        Annotation(Span(0, 0), "stage 3", "zero3.json"),
    )
    placed = Placed(finding(message), Span(START, START + 1), related)
    return FileReport("a b.yaml", "axolotl", ("does_not_fit",), 2**36, TEXT, (placed,))


CLEAN = FileReport("ok.yaml")
PLAIN = Paint(False)


@pytest.mark.parametrize("name", FORMATS)
def test_no_files_and_no_findings_are_fine_in_every_format(name: str) -> None:
    render(name, [], PLAIN)
    render(name, [CLEAN], PLAIN)


def test_full_shows_the_lines_with_carets_below() -> None:
    assert render("full", [report()], PLAIN).splitlines() == [
        "a b.yaml:3:32: error[VL101] needs 98.5 GiB, RTX 4090 has 23.5",
        "  2 | base_model: m",
        "    |             - 15.0 GiB of weights",
        "  3 | note: {😀: 1, micro_batch_size: 4}",
        "    | " + 32 * " " + "^",
        "    zero3.json: stage 3",
        "    unsafe fix: micro_batch_size 1 → 19.8 GiB",
        "",
        "1 error in 1 file",
        "1 run: 1 does not fit",
    ]


def of_many(severity: Severity, messages: list[str]) -> list[FileReport]:
    """A report a message, each of another file."""
    return [
        FileReport(
            f"{index}.yaml",
            "axolotl",
            text=TEXT,
            findings=(
                Placed(replace(finding(message), severity=severity, code="VL407"), Span(START, START + 1)),
            ),
        )
        for index, message in enumerate(messages)
    ]


def test_full_says_once_what_is_said_of_many_files() -> None:
    reports = of_many("information", [f"logits of {rows} rows" for rows in range(12)])
    assert render("full", reports, PLAIN).splitlines() == [
        "0.yaml:3:32: information[VL407] logits of 0 rows",
        "    the like in 1.yaml, 2.yaml, 3.yaml and 8 more files; --output-format concise lists all",
        "",
        "12 information in 12 files",
    ]


@pytest.mark.parametrize(
    ("severity", "messages", "blocks"),
    [
        ("information", ["a"] * 4, 4),  # few files: each is shown
        ("warning", ["a"] * 10, 1),
        ("warning", [str(index) for index in range(10)], 10),  # other words: another thing to do
        ("hint", [str(index) for index in range(10)], 1),
        ("error", ["a"] * 10, 10),
    ],
)
def test_full_shows_each_error_and_each_warning_of_its_own(
    severity: Severity, messages: list[str], blocks: int
) -> None:
    shown = render("full", of_many(severity, messages), PLAIN)
    assert shown.count(f"{severity}[VL407]") == blocks


def test_full_leaves_out_lines_between_places_and_keeps_tabs() -> None:
    text = "a: 1\nb: 2\nc: 3\n\td: 4\n"
    placed = Placed(finding(), Span(text.index("4"), text.index("4") + 1), (Annotation(Span(3, 4), "here"),))
    lines = render("full", [FileReport("x", "trl", text=text, findings=(placed,))], PLAIN).splitlines()
    assert lines[1:7] == ["  1 | a: 1", "    |    - here", "    …", "  4 | \td: 4", "    | \t   ^", lines[6]]


def test_colour_is_for_the_severity_and_its_mark_only() -> None:
    painted = render("full", [report()], Paint(True))
    assert painted.count("\033[31;1m") == 2
    assert "\033[31;1merror[VL101]\033[0m" in painted
    assert painted.replace("\033[31;1m", "").replace("\033[0m", "") == render("full", [report()], PLAIN)


def test_concise_is_one_line_a_finding() -> None:
    assert render("concise", [report(), CLEAN], PLAIN).splitlines() == [
        "a b.yaml:3:32: error[VL101] needs 98.5 GiB, RTX 4090 has 23.5",
        "1 error in 2 files, 1 of them configs",
        "1 run: 1 does not fit",
    ]


def test_json_is_the_documented_object_with_utf16_columns() -> None:
    answer = json.loads(render("json", [report(), CLEAN], PLAIN))
    assert answer["schema_version"] == 1
    first, second = answer["files"]
    assert second == {
        "path": "ok.yaml",
        "dialect": None,
        "verdict": None,
        "verdicts": [],
        "device_bytes": None,
        "findings": [],
    }
    assert {name: first[name] for name in ("path", "dialect", "verdict", "verdicts", "device_bytes")} == {
        "path": "a b.yaml",
        "dialect": "axolotl",
        "verdict": "does_not_fit",
        "verdicts": ["does_not_fit"],
        "device_bytes": 2**36,
    }
    (found,) = first["findings"]
    place = {"start": {"line": 2, "character": 32}, "end": {"line": 2, "character": 33}}
    assert found["range"] == place
    assert found["key"] == "note.micro_batch_size"
    assert found["fixes"] == [
        {
            "title": "micro_batch_size 1 → 19.8 GiB",
            "safe": False,
            "edits": [{"range": place, "new_text": "1"}],
            "device_bytes_after": 2**34,
            "verdict_after": "fits",
        }
    ]
    assert found["related"][1] == {"path": "zero3.json", "range": None, "message": "stage 3"}


def test_github_escapes_what_its_runner_would_read() -> None:
    line = render("github", [report("50 % over\nsee, here: there")], PLAIN)
    assert line == (
        "::error file=a b.yaml,line=3,endLine=3,title=VL101 does-not-fit,col=33,endColumn=34"
        "::50 %25 over\\nsee, here: there"
    )


def test_gitlab_fingerprints_survive_a_move_and_differ_for_twins() -> None:
    one = report()
    moved = FileReport(
        one.path,
        one.dialect,
        text="\n" + TEXT,
        findings=(
            Placed(finding(), Span(START + 1, START + 2)),
            Placed(finding(), Span(START + 1, START + 2)),
        ),
    )
    (issue,) = json.loads(render("gitlab", [one], PLAIN))
    first, second = json.loads(render("gitlab", [moved], PLAIN))
    assert issue["fingerprint"] == first["fingerprint"] != second["fingerprint"]
    assert issue["severity"] == "major"
    assert issue["location"]["positions"]["begin"] == {"line": 3, "column": 32}


def test_junit_is_well_formed_whatever_the_message() -> None:
    root = ElementTree.fromstring(render("junit", [report('<&"\x00>'), CLEAN], PLAIN))
    assert root.attrib["tests"] == "2"
    assert root.attrib["failures"] == "1"
    failure = root.find("./testsuite/testcase/failure")
    assert failure is not None
    assert failure.attrib["message"] == '<&"\\x00>'
    assert failure.text == "a b.yaml:3:32"
    case = root.find("./testsuite/testcase")
    assert case is not None
    assert case.attrib["line"] == "3"


def test_sarif_says_how_columns_count_and_carries_fixes() -> None:
    (run,) = json.loads(render("sarif", [report()], PLAIN))["runs"]
    (result,) = run["results"]
    assert run["columnKind"] == "utf16CodeUnits"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["VL101"]
    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "a%20b.yaml"
    assert physical["region"] == {"startLine": 3, "startColumn": 33, "endLine": 3, "endColumn": 34}
    assert result["relatedLocations"][1]["physicalLocation"] == {"artifactLocation": {"uri": "zero3.json"}}
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"] == {"text": "1"}
