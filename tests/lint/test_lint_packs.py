"""Rule packs of other distributions, and the examples of docs/settings.md."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.analysis.registry import find_rule, pack
from vramlint.document import Document
from vramlint.lint.directives import read_directives
from vramlint.lint.rule import Deferred
from vramlint.project.overrides import Overrides
from vramlint.project.settings import parse_settings
from vramlint.project.workspace import Workspace

DOCS = Path(__file__).parent.parent.parent / "docs" / "settings.md"
PACK = '''
from vramlint.lint.rule import Rule


class ShortSequences(Rule):
    """Sequences are short."""

    code = "ACME1"
    name = "short-sequences"
    summary = "sequences are short"

    def check(self, context):
        if context.job and context.job.sequence_length < 512:
            yield self.finding("sequences are short", context.key("sequence_length") or ())


RULES = [ShortSequences]
'''
TEXT = "vramlint: 1\nmodel: HuggingFaceTB/SmolLM2-360M\nsequence_length: 128\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the module path that holds an installed distribution with a pack."""
    folder = tmp_path / "site"
    info = folder / "acme_rules-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-rules\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[vramlint.rules]\nacme = acme_rules_pack\n")
    (folder / "acme_rules_pack.py").write_text(PACK)
    monkeypatch.syspath_prepend(str(folder))
    pack.cache_clear()
    yield folder
    pack.cache_clear()
    sys.modules.pop("acme_rules_pack", None)


def found(folder: Path, settings: str) -> list[tuple[str, str]]:
    (folder / "vramlint.toml").write_text(settings)
    document = Document.parse(TEXT, str(folder / "x.yaml"))
    analysis = analyse(document, Workspace(folder), Overrides(gpu="RTX 4090"))
    return [(finding.code, finding.severity) for finding in analysis.findings]


def test_a_pack_is_used_only_where_it_is_named(site: Path, tmp_path: Path) -> None:
    assert found(tmp_path, "") == []
    assert "acme_rules_pack" not in sys.modules
    assert found(tmp_path, 'rules = ["acme-rules"]\n') == [("ACME1", "warning")]
    assert found(tmp_path, 'rules = ["acme-rules"]\nseverity = {ACME1 = "error"}\n') == [("ACME1", "error")]
    assert find_rule("short-sequences", ["acme-rules"]) is not None


def test_a_pack_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert found(tmp_path, 'rules = ["no-such-rules"]\n') == [("VL905", "error")]


def test_a_module_without_the_rule_it_is_named_after_is_said(site: Path) -> None:
    (site / "acme2_long_sequences.py").write_text(PACK)
    rule = Deferred("acme2_long_sequences", lambda context: True)
    with pytest.raises(LookupError, match="acme2_long_sequences holds no rule ACME2"):
        rule.load()


def test_the_documented_settings_are_right() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        settings = parse_settings(block, "pyproject.toml")
        assert settings is not None
        assert settings.problems == ()


def test_the_documented_comments_are_right() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        directives = read_directives(Document.parse(block, "x.yaml"))
        assert directives.problems == ()
        assert directives.gpu is not None
        assert {suppression.code for suppression in directives.suppressions} >= {"VL101", "VL301", "VL402"}
