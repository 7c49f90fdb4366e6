"""A server that is open for weeks: edits leave nothing in memory, and many open documents delay no answer."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from lsprotocol import types

from vramlint.lsp.publish import Publisher
from vramlint.lsp.session import Session

TEXT = (
    "# vramlint: gpu=RTX-4090\nvramlint: 1\nmodel: HuggingFaceTB/SmolLM2-135M\nmicro_batch_size: 1\n"
    "sequence_length: 512\n"
)
EDITS = 150
MOST_BYTES_AN_EDIT = 160
"""8 MiB over 50,000 edits."""
MOST_BYTES_A_DOCUMENT = 1_600
"""8 MiB over 5,000 documents."""


def grown(work: Any) -> int:
    """Bytes that are held after as many rounds again as were needed to fill all caches. The least of two: a
    table of the interpreter that grows by half, as that of interned strings, grows once.
    """
    tracemalloc.start()
    try:
        held = []
        for _ in range(3):
            work(EDITS)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
        return min(after - before for before, after in pairwise(held))
    finally:
        tracemalloc.stop()


def test_edits_leave_nothing(tmp_path: Path) -> None:
    session = Session()
    uri = (tmp_path / "a.yaml").as_uri()
    session.open(uri, "yaml", 1, TEXT)
    session.view(uri)

    def edit(times: int) -> None:
        for number in range(times):
            session.change(uri, number + 2, f"{TEXT}# {number}\n")
            session.view(uri)

    assert grown(edit) <= EDITS * MOST_BYTES_AN_EDIT


def test_closed_documents_leave_nothing(tmp_path: Path) -> None:
    session = Session()

    def open_and_close(times: int) -> None:
        for number in range(times):
            uri = (tmp_path / f"{number}.yaml").as_uri()
            session.open(uri, "yaml", 1, TEXT)
            session.view(uri)
            session.close(uri)

    assert grown(open_and_close) <= EDITS * MOST_BYTES_A_DOCUMENT
    assert session.uris() == ()


class _Client:
    """Takes what is published."""

    def __init__(self) -> None:
        self.published: list[str] = []

    def text_document_publish_diagnostics(self, params: types.PublishDiagnosticsParams) -> None:
        self.published.append(params.uri)


def test_a_change_of_settings_checks_one_document_at_a_time(tmp_path: Path) -> None:
    session, client = Session(), _Client()
    uris = [(tmp_path / f"{number}.yaml").as_uri() for number in range(20)]
    for uri in uris:
        session.open(uri, "yaml", 1, TEXT)

    async def change() -> list[int]:
        publisher = Publisher(cast(Any, client), session)
        publisher.recheck()
        counts = [len(client.published)]
        while len(client.published) < len(uris):
            await asyncio.sleep(0)
            counts.append(len(client.published))
        return counts

    counts = asyncio.run(change())
    assert counts[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(counts))
    assert sorted(client.published) == sorted(uris)
