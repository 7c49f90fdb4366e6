"""Every answer about examples, for a client that can do all and for a modest one, as text."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from lsp_talk import LANGUAGES
from lsprotocol import types
from lsprotocol.converters import get_converter

from vramlint.lsp.answers import ANSWERS
from vramlint.lsp.client import Client
from vramlint.lsp.code_action import code_actions, resolve_code_action
from vramlint.lsp.commands import best_fix, breakdown_of, gpu_edit, largest_edit
from vramlint.lsp.diagnostics import diagnostics
from vramlint.lsp.estimates import estimate_of, gpus_for, what_if_of
from vramlint.lsp.session import Session
from vramlint.lsp.view import View

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = (
    "axolotl-llama-3.1-8b-qlora.yaml",
    "deepspeed-zero3/axolotl.yaml",
    "litgpt-llama-3.2-1b-lora.yaml",
    "openrlhf-llama-3.1-8b-dpo.sh",
    "prime-rl-qwen3-1.7b-sft.toml",
    "textbook-7b.job.yaml",
)
ABLE = replace(Client(), **{field.name: True for field in fields(Client) if field.name != "encoding"})
WHAT_IFS = (
    {"gpu": "H100-80GB"},
    {"changes": {"micro_batch_size": 2, "gradient_checkpointing": "full"}},
    {"changes": {"method": "qlora"}, "gpu": "RTX-4090"},
)
SHOWN_GPUS = ("RTX 4090", "A100-80GB", "MI300X")
CONVERTER = get_converter()


def plain(answer: Any) -> str:
    """One line of JSON, without what depends on the machine."""
    text = json.dumps(CONVERTER.unstructure(answer), ensure_ascii=False, default=str)
    return re.sub(r"file://[^\s\"]*/", "file:///", text)


def opened(name: str, text: str, client: Client) -> tuple[Session, View]:
    """A session with that document alone."""
    session = Session()
    session.client, session.trusted = client, True
    path = EXAMPLES / name
    session.open(path.as_uri(), LANGUAGES[path.suffix], 1, text)
    view = session.view(path.as_uri())
    assert view is not None
    return session, view


def answers(session: Session, view: View, uri: str, text: str) -> Iterator[str]:
    """What each request gets: of the document, at each word, at each end of a line."""
    document = types.TextDocumentIdentifier(uri)
    lines = text.splitlines()
    whole = types.Range(types.Position(0, 0), types.Position(len(lines), 0))
    for method in (types.TEXT_DOCUMENT_CODE_LENS, types.TEXT_DOCUMENT_DOCUMENT_LINK):
        yield f"{method}: {plain(ANSWERS[method](session, view, types.CodeLensParams(document)))}"
    symbols = ANSWERS[types.TEXT_DOCUMENT_DOCUMENT_SYMBOL]
    yield f"symbols: {plain(symbols(session, view, types.DocumentSymbolParams(document)))}"
    hints = ANSWERS[types.TEXT_DOCUMENT_INLAY_HINT]
    yield f"hints: {plain(hints(session, view, types.InlayHintParams(document, whole)))}"
    yield f"diagnostics: {plain(diagnostics(view))}"
    seen: list[Any] = []
    for number, line in enumerate(lines):
        for word in list(re.finditer(r"[\w.\-/]+", line))[:2]:
            place = types.Position(number, word.start())
            hover = ANSWERS[types.TEXT_DOCUMENT_HOVER](session, view, types.HoverParams(document, place))
            if hover is not None and hover not in seen:
                seen.append(hover)
                yield f"hover {number}:{word.start()}: {plain(hover)}"
            target = ANSWERS[types.TEXT_DOCUMENT_DEFINITION](
                session, view, types.DefinitionParams(document, place)
            )
            if target:
                yield f"definition {number}:{word.start()}: {plain(target)}"
            params = types.CompletionParams(document, types.Position(number, word.end()))
            offered = ANSWERS[types.TEXT_DOCUMENT_COMPLETION](session, view, params)
            items = getattr(offered, "items", offered) or []
            if items and items[0] not in seen:
                seen.append(items[0])
                labels = " ".join(each.label for each in items[:20])
                yield f"completion {number}:{word.end()}: {len(items)}, {labels}; {plain(items[0])}"


async def told(session: Session, view: View, uri: str) -> list[str]:
    """What needs a search, and our own requests."""
    found = [f"estimate: {plain(await estimate_of(view))}"]
    gpus = gpus_for(view)
    gpus |= {"installed": [], "known": [each for each in gpus["known"] if each["name"] in SHOWN_GPUS]}
    found.append(f"gpus: {plain(gpus)}")
    found += [f"what if {asked}: {plain(what_if_of(view, asked))}" for asked in WHAT_IFS]
    found.append(f"breakdown: {breakdown_of(view)}")
    found.append(f"declare: {plain(gpu_edit(view, 'H100-80GB'))}")
    for field in ("micro_batch_size", "sequence_length", "adapter.r"):
        found.append(f"largest {field}: {plain(await largest_edit(view, field))}")
    fix = await best_fix(session, view)
    found.append(f"best fix: {fix.title if fix else None}")
    for each in diagnostics(view):
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(uri), each.range, types.CodeActionContext([])
        )
        for action in await code_actions(session, view, params) or ():
            resolved = action if action.edit else await resolve_code_action(session, action)
            found.append(f"action: {plain(resolved)}")
    return found


@pytest.mark.parametrize(("name", "client"), [*((name, ABLE) for name in NAMES), (NAMES[-1], Client())])
def test_every_answer(name: str, client: Client, snapshot: Callable[[str, str], None]) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    session, view = opened(name, text, client)
    uri = (EXAMPLES / name).as_uri()
    found = [*answers(session, view, uri, text), *asyncio.run(told(session, view, uri))]
    kind = "able" if client is ABLE else "modest"
    snapshot(f"answers-{kind}-{Path(name).stem}.txt", "\n".join(found) + "\n")
