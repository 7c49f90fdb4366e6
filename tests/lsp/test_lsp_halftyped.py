"""Every request on every beginning of a config, and on the config without each of its characters."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types

from vramlint.lsp.client import Client
from vramlint.lsp.code_action import code_actions
from vramlint.lsp.code_lens import code_lenses
from vramlint.lsp.commands import breakdown_of, debug_information
from vramlint.lsp.completion import completions
from vramlint.lsp.diagnostics import diagnostics
from vramlint.lsp.hover import hover
from vramlint.lsp.inlay_hint import inlay_hints
from vramlint.lsp.links import definition, document_links
from vramlint.lsp.session import Session

TEXTS = {
    "yaml": """\
# vramlint: gpu=RTX-4090 🦙
base_model: meta-llama/Llama-3.1-8B
adapter: &way lora
lora_r: 32
lora_target_modules: [q_proj, "v_proj"]
datasets:
  - path: tatsu-lab/alpaca
sequence_len: 4096
micro_batch_size: 2  # vramlint: ignore[VL101]
bf16: true
optimizer: adamw_torch_fused
""",
    "json": """\
{
  "vramlint": 1,
  "model": "meta-llama/Llama-3.1-8B",
  "adapter": {"r": 8},
  "method": "lora",
  "gpu": "RTX-4090",
  "micro_batch_size": 64
}
""",
    "toml": """\
# vramlint: gpu=H100-80GB
vramlint = 1
model = "meta-llama/Llama-3.1-8B"
micro_batch_size = 64
[precision]
weights = "bfloat16"
""",
}
ALL = types.Range(types.Position(0, 0), types.Position(1000, 0))


def ask_everything(session: Session, uri: str, text: str, position: types.Position) -> None:
    view = session.view(uri)
    assert view is not None
    identifier = types.TextDocumentIdentifier(uri)
    diagnostics(view)
    hover(session, view, types.HoverParams(identifier, position))
    completions(session, view, types.CompletionParams(identifier, position))
    code_lenses(session, view, types.CodeLensParams(identifier))
    inlay_hints(session, view, types.InlayHintParams(identifier, ALL))
    document_links(session, view, types.DocumentLinkParams(identifier))
    definition(session, view, types.DefinitionParams(identifier, position))
    here = types.Range(position, position)
    asyncio.run(
        code_actions(session, view, types.CodeActionParams(identifier, here, types.CodeActionContext([])))
    )
    breakdown_of(view)
    debug_information(session, view)


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("how", ["cut", "without"])
def test_every_request_on_every_half_typed_text(language: str, how: str, tmp_path: Path) -> None:
    text = TEXTS[language]
    session = Session()
    session.client = Client(markdown=True, related_information=True, code_description=True)
    uri = (tmp_path / f"train.{language}").as_uri()
    session.open(uri, language, 0, text)
    session.view(uri)
    for at in range(len(text)):
        typed = text[:at] if how == "cut" else text[:at] + text[at + 1 :]
        session.change(uri, at + 1, typed)
        before = text[:at]
        column = len(before.rpartition("\n")[2].encode("utf-16-le")) // 2
        ask_everything(session, uri, typed, types.Position(before.count("\n"), column))
