"""Hostile names and values in what an editor lists and draws: completion, actions, links, the panel."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from vramlint.lsp.code_action import code_actions
from vramlint.lsp.commands import breakdown_of, debug_information
from vramlint.lsp.completion import completions
from vramlint.lsp.estimates import estimate_of, gpus_for, what_if_of
from vramlint.lsp.links import document_links
from vramlint.lsp.session import Session
from vramlint.lsp.view import View

SPEAKS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
HOSTILE = (
    "x\x1b[2J\x9b31m\u202ey\u2066 ![i](https://e.example/i.png) <img src=x> [c](command:quit) $(zap) `b` | p"
)
QUOTED = json.dumps(HOSTILE)
FILE = "[f](command:quit)\u202e\x1b[2J$(zap)`.json"
SHAPE = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
BASE = "micro_batch_size: 8\nsequence_len: 8192\nadapter: lora\nlora_target_linear: true\n"
CONFIGS = {
    "model": f"# vramlint: gpu=T4\nbase_model: {QUOTED}\n{BASE}",
    "gpu": f"# vramlint: gpu={HOSTILE}\nbase_model: HuggingFaceTB/SmolLM2-360M\n{BASE}",
    "folder": f"# vramlint: gpu=T4\nbase_model: {json.dumps('./' + HOSTILE.replace('/', '_'))}\n{BASE}",
    "companion": f"# vramlint: gpu=T4\nbase_model: HuggingFaceTB/SmolLM2-360M\n"
    f"deepspeed: {json.dumps(FILE)}\n{BASE}",
    "file": f"# vramlint: gpu=T4\nbase_model: HuggingFaceTB/SmolLM2-360M\ndeepspeed: \n{BASE}",
    "values": f"# vramlint: gpu=T4\nbase_model: HuggingFaceTB/SmolLM2-360M\noptimizer: {QUOTED}\n"
    f"attn_implementation: {QUOTED}\nlora_target_modules: [{QUOTED}]\n{QUOTED}: {QUOTED}\n{BASE}",
    "json": json.dumps(
        {
            "base_model": "HuggingFaceTB/SmolLM2-360M",
            "optimizer": HOSTILE,
            "attn_implementation": HOSTILE,
            "deepspeed": FILE,
            HOSTILE: HOSTILE,
            "micro_batch_size": HOSTILE,
            "lora_target_modules": [HOSTILE],
        },
        indent=1,
    ),
    "job": f"# vramlint: gpu=T4\nvramlint: 1\nmodel: {{parameters: 7.0e+9}}\noptimizer: {QUOTED}\n"
    f"gpu: {QUOTED}\nversions: {{transformers: {QUOTED}}}\n",
}
NOT_SHOWN = {"data", "edit", "filter_text", "insert_text", "sort_text", "target", "text_edit", "uri", "value"}
"""What is written or compared, and not shown."""


@pytest.fixture(params=CONFIGS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Session, View]:
    """A config among hostile files, as an editor has it open."""
    if sys.platform == "win32":
        pytest.skip("files cannot be named so")
    for folder in (HOSTILE.replace("/", "_"), "m"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / FILE).write_text("{}")
        config = {**SHAPE, "model_type": HOSTILE, "vocab_size": 512, "torch_dtype": HOSTILE}
        (tmp_path / folder / "config.json").write_text(json.dumps(config))
    (tmp_path / FILE).write_text(json.dumps({"zero_optimization": {"stage": 3}, HOSTILE: 1}))
    text = CONFIGS[request.param]
    session = Session()
    session.client = session.client.__class__(markdown=True, link_tooltips=True)
    session.trusted = True
    language = "json" if request.param == "json" else "yaml"
    uri = (tmp_path / f"{FILE}.{language}").as_uri()
    session.open(uri, language, 1, text)
    view = session.view(uri)
    assert view is not None
    return session, view


def shown(value: Any, name: str = "") -> Iterator[str]:
    """Every text of an answer that is shown."""
    if name in NOT_SHOWN:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from (key, *shown(each, key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from shown(each, name)
    elif hasattr(value, "__attrs_attrs__"):
        for each in value.__attrs_attrs__:
            yield from shown(getattr(value, each.name), each.name)


def test_nothing_that_an_editor_lists_speaks(opened: tuple[Session, View]) -> None:
    session, view = opened
    document = types.TextDocumentIdentifier(view.uri)
    lines = view.document.text.split("\n")
    answers: list[Any] = [
        document_links(session, view, types.DocumentLinkParams(document)),
        asyncio.run(estimate_of(view, replay=True)),
        gpus_for(view),
        debug_information(session, view),
        breakdown_of(view),
    ]
    answers += [
        what_if_of(view, {"changes": {"micro_batch_size": 2}, "gpu": gpu}) for gpu in (None, "H100", HOSTILE)
    ]
    for number, line in enumerate(lines):
        for column in {0, line.find(":") + 2, len(line)}:
            place = types.Position(number, column)
            answers.append(completions(session, view, types.CompletionParams(document, place)))
    everywhere = types.Range(types.Position(0, 0), types.Position(len(lines), 0))
    context = types.CodeActionContext([])
    answers.append(
        asyncio.run(code_actions(session, view, types.CodeActionParams(document, everywhere, context)))
    )
    texts = [text for answer in answers for text in shown(answer)]
    assert len(texts) > 100
    assert [text for text in texts if SPEAKS.search(text)] == []
