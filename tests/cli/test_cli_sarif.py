"""Every log is SARIF 2.1.0: the objects that vramlint writes, closed, as the standard has them.

The sections are those of the OASIS standard. Written out here, since the test may not ask a server for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cli_running import ROOT, Run


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object with these properties and no other."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


def many(item: dict[str, Any], *, unique: bool = False, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": item, "uniqueItems": unique, "minItems": least}


TEXT = {"type": "string"}
POSITIVE = {"type": "integer", "minimum": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}  # 3.27.10
MESSAGE = closed({"text": TEXT})  # 3.11
MULTIFORMAT = closed({"text": TEXT}, {"markdown": TEXT})  # 3.12
ARTIFACT = closed({"uri": {"type": "string", "pattern": r"^[^\s\\]+$"}})  # 3.4, a URI reference
REGION = closed(  # 3.30
    {"startLine": POSITIVE, "startColumn": POSITIVE, "endLine": POSITIVE, "endColumn": POSITIVE}
)
PHYSICAL = closed({"artifactLocation": ARTIFACT}, {"region": REGION})  # 3.29
LOCATION = closed({"physicalLocation": PHYSICAL}, {"message": MESSAGE})  # 3.28
REPLACEMENT = closed({"deletedRegion": REGION, "insertedContent": closed({"text": TEXT})})  # 3.57, 3.3
CHANGE = closed({"artifactLocation": ARTIFACT, "replacements": many(REPLACEMENT, least=1)})  # 3.56
FIX = closed({"description": MESSAGE, "artifactChanges": many(CHANGE, unique=True, least=1)})  # 3.55
RESULT = closed(  # 3.27
    {
        "ruleId": TEXT,
        "level": LEVEL,
        "message": MESSAGE,
        "locations": many(LOCATION),
        "partialFingerprints": {"type": "object", "additionalProperties": TEXT},
    },
    {"relatedLocations": many(LOCATION, unique=True), "fixes": many(FIX, unique=True)},
)
RULE = closed(  # 3.49
    {"id": TEXT},
    {
        "name": TEXT,
        "shortDescription": MULTIFORMAT,
        "helpUri": {"type": "string", "pattern": "^https?://"},
        "help": MULTIFORMAT,
        "defaultConfiguration": closed({"level": LEVEL}),  # 3.50
    },
)
NOTIFICATION = closed({"level": LEVEL, "message": MESSAGE, "locations": many(LOCATION)})  # 3.58
INVOCATION = closed(  # 3.20
    {"executionSuccessful": {"type": "boolean"}}, {"toolExecutionNotifications": many(NOTIFICATION)}
)
DRIVER = closed({"name": TEXT, "version": TEXT, "rules": many(RULE, unique=True)})  # 3.19
RUN = closed(  # 3.14
    {
        "tool": closed({"driver": DRIVER}),
        "invocations": many(INVOCATION),
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "results": many(RESULT),
    }
)
LOG = closed({"version": {"const": "2.1.0"}, "$schema": TEXT, "runs": many(RUN)})  # 3.13


def assert_sarif(log: Any) -> None:
    jsonschema.Draft202012Validator(LOG).validate(log)
    (run,) = log["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    for result in run["results"]:
        assert result["ruleId"] in rules
        regions = [place["physicalLocation"].get("region") for place in result["locations"]]
        assert all(
            (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
            for region in regions
            if region
        )


def test_of_findings_with_fixes_and_related_places(run: Run) -> None:
    example = "examples/axolotl-llama-3.1-8b-full.yaml"
    log = run("check", example, "--select", "ALL", "--output-format", "sarif").json
    assert_sarif(log)
    assert any("fixes" in result for result in log["runs"][0]["results"])
    assert any("relatedLocations" in result for result in log["runs"][0]["results"])


@pytest.mark.parametrize("name", ["a b.yaml", "ä#?%.yaml", "quote'\".yaml"])
def test_of_odd_names(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    text = (ROOT / "examples" / "axolotl-llama-3.1-8b-full.yaml").read_text()
    (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    log = run("check", "--output-format", "sarif").json
    assert_sarif(log)
    assert len(log["runs"][0]["results"]) == 1


def test_of_nothing_found_and_of_what_cannot_be_read(run: Run, tmp_path: Path) -> None:
    assert_sarif(run("check", "examples/textbook-7b.job.yaml", "--output-format", "sarif").json)
    (tmp_path / "x.yaml").write_bytes(b"base_model: x\0")
    assert_sarif(run("check", tmp_path, "--output-format", "sarif").json)


def test_a_run_that_could_not_be_done_as_asked_says_so(run: Run, tmp_path: Path) -> None:
    settings = tmp_path / "vramlint.toml"
    settings.write_text('gpu = "RTX-4O90"\n')
    (tmp_path / "x.yaml").write_text("vramlint: 1\nmodel: HuggingFaceTB/SmolLM2-360M\n")
    outcome = run("check", tmp_path / "x.yaml", "--output-format", "sarif")
    assert outcome.code == 2
    assert_sarif(outcome.json)
    assert outcome.json["runs"][0]["invocations"] == [{"executionSuccessful": False}]
