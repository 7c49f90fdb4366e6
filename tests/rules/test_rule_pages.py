"""Every rule's page: complete, and its two examples do what they say."""

import re
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.analysis.registry import built_in, entries
from vramlint.document import Document
from vramlint.lint.rule import Rule
from vramlint.project.overrides import Overrides
from vramlint.project.selection import Selection
from vramlint.project.workspace import Workspace

RULES = built_in()


def codes(rule: Rule, heading: str, folder: Path) -> list[str]:
    """What is found in an example of the rule; where it must be asked for, of this rule alone."""
    language, text = rule.examples()[heading]
    document = Document.parse(text, str(folder / f"example.{language}"))
    asked = Overrides(rules=Selection(select=(rule.code,) if rule.opt_in else ()))
    return [finding.code for finding in analyse(document, Workspace(folder), asked).findings]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_page_is_complete(rule: Rule) -> None:
    assert re.fullmatch(r"VL\d{3}", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    assert rule.summary
    headings = re.findall(r"^## (.+)$", rule.page(), re.MULTILINE)
    assert headings[:4] == ["What it finds", "Why it matters", "Example", "Use instead"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_page_says_how_safe_the_fixes_are(rule: Rule, tmp_path: Path) -> None:
    language, text = rule.examples()["Example"]
    document = Document.parse(text, str(tmp_path / f"example.{language}"))
    analysis = analyse(document, Workspace(tmp_path), Overrides(rules=Selection(select=(rule.code,))))
    offered = [fix for finding in analysis.findings for fix in fixes_for(analysis, finding, 1)]
    assert not offered or "\n## Fixes\n" in rule.page()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_failing_example_yields_the_code(rule: Rule, tmp_path: Path) -> None:
    assert rule.code in codes(rule, "Example", tmp_path)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_mended_example_has_no_warning(rule: Rule, tmp_path: Path) -> None:
    said = set(codes(rule, "Use instead", tmp_path))
    assert said <= {"VL104"}, "an example may leave out the GPU; nothing else is left to say"
    assert rule.code not in said


def test_a_deferred_rule_is_the_one_that_its_row_says() -> None:
    for entry in entries():
        rule = entry.load()
        assert (entry.code, entry.name, entry.opt_in) == (rule.code, rule.name, rule.opt_in)
        assert (entry.any_file, entry.after_suppressions) == (rule.any_file, rule.after_suppressions)


def test_a_rule_that_must_be_asked_for_is_silent_until_then(tmp_path: Path) -> None:
    asked_for = [rule for rule in RULES if rule.opt_in]
    assert asked_for
    for rule in asked_for:
        language, text = rule.examples()["Example"]
        document = Document.parse(text, str(tmp_path / f"example.{language}"))
        for settings in ("", '[severity]\n"VL4" = "off"\n'):
            (tmp_path / "vramlint.toml").write_text(settings, encoding="utf-8")
            found = analyse(document, Workspace(tmp_path)).findings
            assert rule.code not in [finding.code for finding in found]
        (tmp_path / "vramlint.toml").write_text(f'[severity]\n"{rule.name}" = "error"\n', encoding="utf-8")
        found = analyse(document, Workspace(tmp_path)).findings
        assert "error" in [finding.severity for finding in found if finding.code == rule.code]


def test_codes_and_names_are_unique_and_in_order() -> None:
    assert [rule.code for rule in RULES] == sorted({rule.code for rule in RULES})
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_module_is_named_after_its_rule() -> None:
    for rule in RULES:
        module = type(rule).__module__.rpartition(".")[2]
        assert module == f"{rule.code}_{rule.name}".lower().replace("-", "_")
