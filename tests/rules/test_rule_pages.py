"""Every rule's page: complete, and its two examples do what they say."""

import re
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.analysis.registry import built_in
from vramlint.document import Document
from vramlint.lint.rule import Rule
from vramlint.project.workspace import Workspace

RULES = built_in()


def codes(language: str, text: str, folder: Path) -> list[str]:
    path = folder / f"example.{language}"
    document = Document.parse(text, str(path))
    return [finding.code for finding in analyse(document, Workspace(folder)).findings]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_page_is_complete(rule: Rule) -> None:
    assert re.fullmatch(r"VL\d{3}", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    assert rule.summary
    headings = re.findall(r"^## (.+)$", rule.page(), re.MULTILINE)
    assert headings[:4] == ["What it finds", "Why it matters", "Example", "Use instead"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_failing_example_yields_the_code(rule: Rule, tmp_path: Path) -> None:
    language, text = rule.examples()["Example"]
    assert rule.code in codes(language, text, tmp_path)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_mended_example_has_no_warning(rule: Rule, tmp_path: Path) -> None:
    language, text = rule.examples()["Use instead"]
    said = set(codes(language, text, tmp_path))
    assert said <= {"VL104"}, "an example may leave out the GPU; nothing else is left to say"
    assert rule.code not in said


def test_codes_and_names_are_unique_and_in_order() -> None:
    assert [rule.code for rule in RULES] == sorted({rule.code for rule in RULES})
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_module_is_named_after_its_rule() -> None:
    for rule in RULES:
        module = type(rule).__module__.rpartition(".")[2]
        assert module == f"{rule.code}_{rule.name}".lower().replace("-", "_")
