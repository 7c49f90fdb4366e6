"""Verdicts near the GPU's limit: by the count at a keystroke, by a replay once the typing pauses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsp_talk import Editor
from work import PATIENCE

from vramlint.lsp.session import Session

NEAR = """# vramlint: gpu=A100-40GB
model_name_or_path: meta-llama/Llama-3.2-1B
dataset_name: trl-lib/Capybara
max_length: 2048
per_device_train_batch_size: {batch}
gradient_checkpointing: true
bf16: true
loss_type: nll
"""
"""With batch 36 the count says "fits", and the replay "tight"; with batch 4 there is no doubt."""


def opened(folder: Path, batch: int) -> tuple[Session, str]:
    session, uri = Session(), (folder / "train.yaml").as_uri()
    session.open(uri, "yaml", 1, NEAR.format(batch=batch))
    return session, uri


def verdict(session: Session, uri: str) -> str:
    view = session.view(uri)
    assert view is not None
    return view.analysis.verdict


def test_what_is_opened_is_settled_at_once(tmp_path: Path) -> None:
    session, uri = opened(tmp_path, 36)
    assert verdict(session, uri) == "tight"
    assert session.unsettled(uri) is None


def test_what_is_typed_is_settled_later(tmp_path: Path) -> None:
    session, uri = opened(tmp_path, 4)
    session.change(uri, 2, NEAR.format(batch=36))
    assert verdict(session, uri) == "fits"
    before, work = session.view(uri), session.unsettled(uri)
    assert before is not None
    assert work is not None
    assert session.settle(uri, before.analysis, work())
    assert verdict(session, uri) == "tight"
    assert session.unsettled(uri) is None


def test_a_verdict_of_an_earlier_text_is_dropped(tmp_path: Path) -> None:
    session, uri = opened(tmp_path, 4)
    session.change(uri, 2, NEAR.format(batch=36))
    before = session.view(uri)
    work = session.unsettled(uri)
    assert before is not None
    assert work is not None
    session.change(uri, 3, NEAR.format(batch=4))
    assert not session.settle(uri, before.analysis, work())
    assert verdict(session, uri) == "fits"


def test_nothing_is_left_to_settle_where_the_count_decides(tmp_path: Path) -> None:
    session, uri = opened(tmp_path, 36)
    session.change(uri, 2, NEAR.format(batch=4))
    assert verdict(session, uri) == "fits"
    assert session.unsettled(uri) is None


@pytest.mark.asyncio(loop_scope="module")
async def test_the_editor_is_told_when_the_typing_pauses(editor: Editor) -> None:
    uri = await editor.open(NEAR.format(batch=4))
    assert "VL102" not in await editor.codes(uri)
    await editor.change(uri, NEAR.format(batch=36))
    for _ in range(20 * PATIENCE):
        if "VL102" in await editor.codes(uri):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("never settled")
