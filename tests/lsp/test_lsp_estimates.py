"""Our own requests: what a panel is told of a run, and that its what-ifs come true when they are written."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsp_talk import FULL, SMALL, Editor
from lsprotocol import types

from vramlint.catalog.facts import GIB
from vramlint.document import Document
from vramlint.document.edit import TextEdit, apply_edits
from vramlint.lsp.commands import gpu_edit, largest_edit
from vramlint.lsp.estimates import estimate_of, gpus_for, what_if_of
from vramlint.lsp.session import Session
from vramlint.lsp.view import View

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = [
    "axolotl-llama-3.1-8b-full.yaml",
    "llamafactory-qwen2.5-7b-lora.yaml",
    "torchtune-llama-3.1-8b-lora.yaml",
    "torchtitan-llama3-8b.toml",
    "litgpt-llama-3.2-1b-lora.yaml",
    "textbook-7b.job.yaml",
]


def opened(text: str, name: str = "train.yaml") -> View:
    session, uri = Session(), (EXAMPLES / name).as_uri()
    session.open(uri, "toml" if name.endswith("toml") else "yaml", 1, text)
    view = session.view(uri)
    assert view is not None
    return view


def facts(view: View) -> dict[str, Any]:
    answer = asyncio.run(estimate_of(view))
    assert answer is not None
    return answer


def written(view: View, edit: types.WorkspaceEdit) -> str:
    """The text after an edit."""
    assert edit.changes is not None
    (changes,) = edit.changes.values()
    edits = [
        TextEdit(view.offset(each.range.start), view.offset(each.range.end), each.new_text)
        for each in changes
    ]
    return apply_edits(view.document.text, edits)


def allocated(answer: dict[str, Any]) -> dict[str, int]:
    """What a settled verdict leaves as it was counted."""
    return {each["name"]: each["allocated_bytes"] for each in answer["estimate"]["moments"]}


@pytest.mark.parametrize("name", NAMES)
def test_what_was_tried_is_what_the_written_file_needs(name: str) -> None:
    view = opened((EXAMPLES / name).read_text(), name)
    controls = facts(view)["controls"]
    assert {"micro_batch_size", "sequence_length"} <= {each["field"] for each in controls}
    tried = 0
    for control in controls:
        others = [
            each for each in control["choices"] if each["value"] != control["value"] and each["writable"]
        ]
        for choice in others[:2]:
            found = what_if_of(view, {"changes": {control["field"]: choice["value"]}, "gpu": "A100-80GB x2"})
            assert found is not None
            if found["estimate"] is None:
                assert found["cannot"]
                assert found["edit"] is None
                continue
            if found["unwritten"]:
                assert found["edit"] is None
                continue
            after = facts(opened(written(view, found["edit"]), name))
            assert after["estimate"]["gpu"] == found["estimate"]["gpu"]
            assert allocated(after) == allocated(found)
            tried += 1
    assert tried >= 4


def test_a_change_that_the_file_cannot_say_is_estimated_and_not_written() -> None:
    name = "torchtune-llama-3.1-8b-lora.yaml"
    view = opened((EXAMPLES / name).read_text(), name)
    found = what_if_of(view, {"changes": {"parallel.strategy": "fsdp2"}, "gpu": "A100-80GB x8"})
    assert found is not None
    assert found["unwritten"] == ["parallel.strategy"]
    assert found["edit"] is None
    assert found["estimate"]["device_bytes"] < facts(view)["estimate"]["device_bytes"]


@pytest.mark.parametrize(
    "changes",
    [None, [], {"optimizer": "x\n# y"}, {"micro_batch_size": -1}, {"micro_batch_size": "2"}, {"no.such": 1}],
)
def test_nonsense_changes_nothing(changes: object) -> None:
    view = opened(FULL)
    found = what_if_of(view, {"changes": changes, "gpu": "T4\nmodel: evil"})
    assert found is not None
    assert found["edit"] is None
    assert found["estimate"]["gpu"]["name"] == "RTX 4090"


def test_the_gpu_is_written_once() -> None:
    view = opened(FULL)
    found = what_if_of(view, {"gpu": "H100-80GB x4"})
    assert found is not None
    text = written(view, found["edit"])
    assert text.startswith("# vramlint: gpu=H100-80GB x4\n")
    assert text.count("gpu=") == 1
    bare = opened(FULL.partition("\n")[2])
    added = what_if_of(bare, {"gpu": "H100-80GB x4"})
    assert added is not None
    assert written(bare, added["edit"]) == text


def test_what_decides_a_component_has_its_place() -> None:
    places = facts(opened(FULL))["places"]
    assert places["weights"]["key"] == "model"
    assert places["activations"]["key"] == "micro_batch_size"
    assert places["optimizer_states"]["range"].start == types.Position(4, 0)


def test_figures_of_an_earlier_text_are_marked(tmp_path: Path) -> None:
    session, uri = Session(), (tmp_path / "train.yaml").as_uri()
    session.open(uri, "yaml", 1, FULL)
    view = session.view(uri)
    assert view is not None
    before = facts(view)
    session.change(uri, 2, FULL.replace("meta-llama/Llama-3.1-8B", '"meta-ll'))
    view = session.view(uri)
    assert view is not None
    after = facts(view)
    assert (before["stale"], before["version"]) == (False, 1)
    assert (after["stale"], after["version"], after["gpu_writable"]) == (True, 2, False)
    assert allocated(after) == allocated(before)


def test_gpus_have_the_verdict_of_the_run() -> None:
    known = {each["name"]: each["verdict"] for each in gpus_for(opened(SMALL))["known"]}
    assert known["RTX 4090"] == "fits"
    assert {"does_not_fit", "fits"} <= {each["verdict"] for each in gpus_for(opened(FULL))["known"]}
    assert {each["verdict"] for each in gpus_for(None)["known"]} == {"unknown"}


def test_a_json_file_takes_no_comment(tmp_path: Path) -> None:
    session, uri = Session(), (tmp_path / "train.json").as_uri()
    session.open(
        uri, "json", 1, '{"vramlint": 1, "model": "HuggingFaceTB/SmolLM2-135M", "sequence_length": 512}'
    )
    view = session.view(uri)
    assert view is not None
    assert not facts(view)["gpu_writable"]
    found = what_if_of(view, {"gpu": "T4"})
    assert found is not None
    assert found["edit"] is None
    assert Document.parse(view.document.text, None, "json").root is not None


@pytest.mark.asyncio(loop_scope="module")
async def test_over_the_wire(editor: Editor) -> None:
    uri = await editor.open(FULL)
    ask = editor.client.protocol.send_request_async
    identifier = {"textDocument": {"uri": uri}}
    before = await ask("vramlint/estimate", identifier | {"replay": True})
    assert before.estimate.verdict == "does_not_fit"
    # a process shows no more than the RTX 4090 has, however much the run asks for
    assert 22 * GIB < before.estimate.process_bytes < 24 * GIB < before.estimate.device_bytes
    found = await ask("vramlint/whatIf", identifier | {"changes": {"micro_batch_size": 1}})
    assert found.estimate.device_bytes < before.estimate.device_bytes
    assert found.edit is not None
    assert (await ask("vramlint/gpus", identifier)).count == 1
    assert await ask("vramlint/estimate", {"textDocument": {"uri": "untitled:none"}}) is None
    assert await ask("vramlint/estimate", {"what": 7}) is None


def test_the_largest_value_that_fits_is_written() -> None:
    view = opened(SMALL)
    edit = asyncio.run(largest_edit(view, "micro_batch_size"))
    assert edit is not None
    text = written(view, edit)
    largest = int(text.split("micro_batch_size: ")[1].split()[0])
    assert largest > 1
    verdicts = [
        facts(opened(text.replace(f": {largest}\n", f": {size}\n")))["estimate"]["verdict"]
        for size in (largest, 2 * largest)
    ]
    assert verdicts[0] == "fits"
    assert verdicts[1] != "fits"
    assert asyncio.run(largest_edit(opened(text), "micro_batch_size")) is None
    assert asyncio.run(largest_edit(opened(SMALL.split("\n", 1)[1]), "micro_batch_size")) is None
    assert asyncio.run(largest_edit(view, "optimizer")) is None


def test_a_gpu_is_declared_by_a_command() -> None:
    view = opened(SMALL)
    edit = gpu_edit(view, "A100-80GB x8")
    assert edit is not None
    assert written(view, edit).startswith("# vramlint: gpu=A100-80GB x8\n")
    assert gpu_edit(view, "x */ y") is None
