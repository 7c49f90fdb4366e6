"""What a session keeps of a document, and for how long; which files are offered as companions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from lsp_talk import FULL
from lsprotocol import types

from vramlint.lint.finding import Finding, Fix
from vramlint.lsp import search
from vramlint.lsp.answers import ANSWERS
from vramlint.lsp.complete_values import resolve_completion
from vramlint.lsp.diagnostics import companion_uri, diagnostics
from vramlint.lsp.session import Session

AXOLOTL = "base_model: Qwen/Qwen2.5-1.5B\ndatasets: [{path: x, type: alpaca}]\nmicro_batch_size: 1\n"


def test_what_a_search_found_is_kept_for_the_text_it_was_made_for() -> None:
    session, uri = Session(), "file:///folder/train.yaml"
    session.open(uri, "yaml", 1, FULL)
    view = session.view(uri)
    assert view is not None
    (finding, *_) = view.analysis.findings
    assert session.known_fixes(uri, finding) is None
    session.remember_fixes(uri, view.analysis, finding, ())
    assert session.known_fixes(uri, finding) == ()
    session.change(uri, 2, FULL.replace("micro_batch_size: 4", "micro_batch_size: 5"))
    again = session.view(uri)
    assert again is not None
    assert session.known_fixes(uri, finding) is None
    session.remember_fixes(uri, view.analysis, finding, ())
    assert session.known_fixes(uri, finding) is None
    session.close(uri)
    assert session.known_fixes(uri, finding) is None
    assert session.cost(uri) == 0.0


def offered(session: Session, path: Path) -> list[str]:
    """What is offered behind `deepspeed: `, the fourth line."""
    view = session.view(path.as_uri())
    assert view is not None
    params = types.CompletionParams(types.TextDocumentIdentifier(path.as_uri()), types.Position(3, 11))
    found = ANSWERS[types.TEXT_DOCUMENT_COMPLETION](session, view, params)
    return [item.label for item in getattr(found, "items", found) or ()]


@pytest.mark.parametrize("name", ["a.json", "b.yaml", "c.yml", "d.toml", "e.txt", "f/g.json"])
def test_files_that_a_companion_may_be(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("{}\n")
    path = tmp_path / "train.yaml"
    text = f"{AXOLOTL}deepspeed: \n"
    path.write_text(text)
    session = Session()
    session.trusted = True
    session.set_folders([tmp_path.as_uri()])
    session.open(path.as_uri(), "yaml", 1, text)
    labels = offered(session, path)
    assert (name in labels) == name.endswith((".json", ".yaml", ".yml"))
    assert "train.yaml" not in labels


def test_a_value_that_is_weighed_when_it_is_chosen() -> None:
    session, uri = Session(), "file:///folder/train.yaml"
    text = f"{AXOLOTL}# vramlint: gpu=RTX-4090\noptimizer: \n"
    session.open(uri, "yaml", 1, text)
    data = {"uri": uri, "path": ["optimizer"], "value": "adafactor"}
    found = resolve_completion(session, types.CompletionItem("adafactor", data=data))
    assert found.detail is not None
    assert "GiB" in found.detail
    assert "default" not in found.detail
    for odd in (None, {}, {"path": "optimizer"}, {"path": [1.5], "uri": uri}, data | {"uri": "file:///none"}):
        assert resolve_completion(session, types.CompletionItem("x", data=odd)).detail is None
    wrong = types.CompletionItem("x", data=data | {"value": "none-such"})
    assert resolve_completion(session, wrong).detail == "refused in this file"


def needed(session: Session, uri: str) -> int:
    """Bytes of the document's run."""
    view = session.view(uri)
    assert view is not None
    assert view.analysis.estimate is not None
    return view.analysis.estimate.device_bytes


def test_a_companion_counts_as_it_is_in_the_editor_while_it_is_open(tmp_path: Path) -> None:
    text = f"# vramlint: gpu=A100-80GB x4\n{AXOLOTL}deepspeed: ds.json\n"
    written, typed = (f'{{"zero_optimization": {{"stage": {stage}}}}}\n' for stage in (2, 3))
    path, companion = tmp_path / "train.yaml", tmp_path / "ds.json"
    path.write_text(text)
    companion.write_text(written)
    session = Session()
    session.set_folders([tmp_path.as_uri()])
    session.open(path.as_uri(), "yaml", 1, text)
    before = needed(session, path.as_uri())
    session.open(companion.as_uri(), "json", 1, typed)
    session.forget()
    assert needed(session, path.as_uri()) < before
    session.change(companion.as_uri(), 2, written)
    session.forget()
    assert needed(session, path.as_uri()) == before
    session.change(companion.as_uri(), 3, typed)
    session.close(companion.as_uri())
    session.forget()
    assert needed(session, path.as_uri()) == before


def test_while_a_text_is_half_typed_an_error_is_one_only_if_it_was_before() -> None:
    session, uri = Session(), "file:///folder/train.yaml"
    small = FULL.replace("Llama-3.1-8B", "Llama-3.2-1B").replace("micro_batch_size: 4", "micro_batch_size: 1")

    def severities(text: str, version: int) -> dict[str, str]:
        session.change(uri, version, text)
        view = session.view(uri)
        assert view is not None
        return {str(each.code): each.severity.name for each in diagnostics(view) if each.severity}

    session.open(uri, "yaml", 1, small)
    assert "VL101" not in severities(small, 2)
    assert severities(f"{FULL}packing: [\n", 3)["VL101"] == "Warning"
    assert severities(FULL, 4)["VL101"] == "Error"
    assert severities(f"{FULL}packing: [\n", 5)["VL101"] == "Error"


def test_files_are_offered_nearest_first_and_json_before_others(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("b.yaml", "z.json", "c.json", "below/a.json"):
        (tmp_path / name).write_text("{}\n")
    path, text = tmp_path / "train.yaml", f"{AXOLOTL}deepspeed: \n"
    session = Session()
    session.open(path.as_uri(), "yaml", 1, text)
    labels = offered(session, path)
    assert labels == ["c.json", "z.json", "b.yaml", "below/a.json"]


def test_nothing_is_unsettled_before_it_was_looked_at() -> None:
    session, uri = Session(), "file:///folder/train.yaml"
    assert session.unsettled(uri) is None
    session.open(uri, "yaml", 1, FULL)
    assert session.unsettled(uri) is None
    assert session.view(uri) is not None


def test_who_asks_while_a_search_goes_on_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And searches anew only for what it did not find."""
    session, uri = Session(), "file:///folder/train.yaml"
    session.open(uri, "yaml", 1, FULL)
    view = session.view(uri)
    assert view is not None
    (finding, *_) = view.analysis.findings
    asked: list[str] = []

    def found(analysis: object, finding: Finding) -> tuple[Fix, ...]:
        asked.append(finding.code)
        return ()

    monkeypatch.setattr(search, "fixes_for", found)

    async def both() -> None:
        search.begin(session, view, [finding])
        search.begin(session, view, [finding])
        assert await search.all_fixes(session, view, view.analysis, finding) == ()
        assert await search.all_fixes(session, view, view.analysis, finding) == ()
        assert len(asked) == 1
        other = replace(finding, message="another")
        search.begin(session, view, [finding])
        assert await search.still_unknown(session, view, [finding, other], 0) == [other]
        assert await search.all_fixes(session, view, view.analysis, other) == ()

    asyncio.run(both())
    assert len(asked) == 3


def test_the_place_of_a_companion(tmp_path: Path) -> None:
    session = Session()
    (tmp_path / "inner").mkdir()
    (tmp_path / "ds.json").write_text("{}")
    uri = (tmp_path / "inner" / "train.yaml").as_uri()
    session.open(uri, "yaml", 1, FULL)
    session.open("untitled:new", "yaml", 1, FULL)
    saved, new = session.view(uri), session.view("untitled:new")
    assert saved is not None
    assert new is not None
    absolute = tmp_path / "elsewhere.json"
    assert companion_uri(saved, str(absolute)) == companion_uri(new, str(absolute)) == absolute.as_uri()
    assert companion_uri(saved, "ds.json") == (tmp_path / "ds.json").as_uri()
    assert companion_uri(saved, "none.json") == (tmp_path / "inner" / "none.json").as_uri()
