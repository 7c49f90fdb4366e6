"""Hostile names and values through every output format and every answer of the server."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from lsprotocol import types

from vramlint.cli import main
from vramlint.cli.output import FORMATS
from vramlint.explain.breakdown import breakdown
from vramlint.lint.escape import json_text, markdown, markdown_code
from vramlint.lsp.code_lens import code_lenses
from vramlint.lsp.diagnostics import diagnostics
from vramlint.lsp.hover import hover
from vramlint.lsp.inlay_hint import inlay_hints
from vramlint.lsp.session import Session
from vramlint.lsp.symbols import document_symbols

HOSTILE = (
    "x/y\n::error file=README.md::forged\x1b[2J\u202e ##[stop-commands]t ##vso[task.x]y "
    "![i](https://e.example/i.png) <img src=x> [c](command:quit) `b` | p"
)
QUOTED = json.dumps(HOSTILE)
SHAPE = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
CONFIGS = {
    "model": f"# vramlint: gpu=![g](https://e.example/g.png) versions=axolotl@[v](command:q)\n"
    f"base_model: {QUOTED}\nmicro_batch_size: 1\nsequence_len: 2048\nadapter: lora\n",
    "values": f"# vramlint: gpu=A100-80GB\nbase_model: HuggingFaceTB/SmolLM2-360M\n{QUOTED}: 1\n"
    f"micro_batch_size: {QUOTED}\nsequence_len: 2048\ndeepspeed: {QUOTED}\nadapter: {QUOTED}\n",
    "shape": f"# vramlint: gpu=T4\nbase_model: ./m\n{QUOTED}: 1\nmicro_batch_size: 1\nsequence_len: 2048\n"
    f"deepspeed: {QUOTED}\noptimizer: adamw_torch\n",
}
SPEAKS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
COMMANDS = (
    *(["estimate", "--format", form] for form in ("text", "json")),
    ["estimate", "--show-job"],
    ["estimate", "--explain"],
    *(["fit", "--format", form] for form in ("text", "json")),
    *(["runs", "--format", form] for form in ("text", "json")),
    ["plan", "--gpus", "8xH100"],
    ["check", "--show-settings"],
    ["check", "--statistics"],
    *(["check", "--output-format", form] for form in FORMATS),
)
NAME = "a.yaml" if sys.platform == "win32" else "::error file=a,line=1::b\u202e\x1b[2J.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    config = {**SHAPE, "model_type": "llama", "vocab_size": 512, "torch_dtype": HOSTILE}
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("config", CONFIGS)
def test_no_output_speaks(
    config: str, command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / NAME).write_text(CONFIGS[config], encoding="utf-8")
    assert main([*command, NAME]) in (0, 1, 2)
    out, err = capsys.readouterr()
    text = out + err
    assert "internal error" not in err
    assert SPEAKS.search(text) is None
    assert re.search(r"##\w*\[", text) is None
    starts = [line for line in text.splitlines() if line.lstrip().startswith("::")]
    if "github" in command:
        assert all(
            re.match(r"::(error|warning|notice) file=%3A%3Aerror|::\w+ file=a\.yaml", x) for x in starts
        )
    else:
        assert starts == []
    if "junit" in command:
        ElementTree.fromstring(out)


@pytest.mark.parametrize("config", CONFIGS)
def test_no_answer_of_the_server_holds_an_image_a_link_or_html(config: str, folder: Path) -> None:
    session = Session()
    session.client = session.client.__class__(markdown=True)
    uri = (folder / "t.yaml").as_uri()
    session.open(uri, "yaml", 1, CONFIGS[config])
    view = session.view(uri)
    assert view is not None
    document = types.TextDocumentIdentifier(uri)
    pages = [breakdown(view.analysis) or ""]
    for line in range(CONFIGS[config].count("\n")):
        for character in (2, 20):
            found = hover(session, view, types.HoverParams(document, types.Position(line, character)))
            if found is not None:
                assert isinstance(found.contents, types.MarkupContent)
                pages.append(found.contents.value)
    assert len(pages) > 3
    for page in pages:
        assert_is_plain(page)
    whole = types.Range(types.Position(0, 0), types.Position(100, 0))
    texts: list[Any] = [
        diagnostics(view),
        code_lenses(session, view, types.CodeLensParams(document)),
        inlay_hints(session, view, types.InlayHintParams(document, whole)),
        document_symbols(session, view, types.DocumentSymbolParams(document)),
    ]
    assert SPEAKS.search(" ".join(text for each in texts for text in strings(each))) is None


def assert_is_plain(page: str) -> None:
    """No construct of Markdown that a config has begun: escapes and code spans are taken out first."""
    text = re.sub(r"\\[!-/:-@\[-`{-~]", "", page)
    text = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    links = re.findall(r"!?\[[^\]]*\]\(([^)]*)\)", text)
    assert all(link.startswith("file://") for link in links), links
    assert re.search(r"<[a-z/!]", text) is None
    assert "https://e" not in text
    assert SPEAKS.search(page) is None


def strings(value: Any) -> list[str]:
    """Every text that is shown of an answer."""
    if isinstance(value, str):
        return [] if value.startswith(("file:", "{")) else [value]
    if isinstance(value, list | tuple):
        return [text for each in value for text in strings(each)]
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]
    names = getattr(value, "__slots__", None) or vars(value) if hasattr(value, "__attrs_attrs__") else ()
    return [text for name in names if name != "data" for text in strings(getattr(value, name, None))]


def test_markdown_reads_as_it_was_written() -> None:
    assert markdown("lora_r is 4") == "lora_r is 4"
    assert markdown("![x](y) <b> `c` | _d_") == r"\!\[x\](y) \<b\> \`c\` \| \_d\_"
    assert markdown_code("a``b") == "``` a``b ```"
    assert markdown_code("a") == "`a`"


def test_json_is_the_same_value() -> None:
    value = {"##[x]": ["a##vso[y]", "###"]}
    assert json.loads(json_text(value)) == value
    assert "##" not in json_text(value)
