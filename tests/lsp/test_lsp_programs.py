"""Python scripts and notebooks in the editor: squiggles, hovers and fixes at their arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from lsp_talk import Editor
from lsprotocol import types
from work import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = """\
# vramlint: gpu=RTX-4090
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer

BATCH = 8
dtype = {"dtype": "bfloat16"}
args = SFTConfig(per_device_train_batch_size=BATCH, max_length=4096, model_init_kwargs=dtype)
SFTTrainer("Qwen/Qwen2.5-7B", args, peft_config=LoraConfig()).train()
"""
CELLS = (
    "%%capture\n!pip install unsloth",
    "# 😀 a model\nfrom unsloth import FastLanguageModel\n"
    "model, tokenizer = FastLanguageModel.from_pretrained(\n"
    '    model_name = "unsloth/Meta-Llama-3.1-8B-bnb-4bit",\n    max_seq_length = 8192,\n)\n'
    "model = FastLanguageModel.get_peft_model(model, r = 16)",
    "from trl import SFTConfig, SFTTrainer\n"
    "args = SFTConfig(per_device_train_batch_size = 32)\n"
    "trainer = SFTTrainer(model = model, args = args)\ntrainer.train()",
)


async def test_squiggle_hover_and_fix_are_at_the_arguments(editor: Editor) -> None:
    uri = await editor.open(SCRIPT, "fit.py")
    (found,) = [each for each in await editor.diagnostics(uri) if each.code == "VL101"]
    assert found.range.start in (editor.position(uri, "8\n"), editor.position(uri, "4096"))
    hover = await editor.hover(uri, "4096")
    assert hover is not None
    assert "max_length" in hover
    assert await editor.hover(uri, "import") is None
    actions = await editor.actions(uri, found.range)
    fix = next(each for each in actions if ", fits" in each.title)
    await editor.apply(uri, fix.edit)
    assert "VL101" not in await editor.codes(uri)


async def test_an_ordinary_program_gets_nothing(editor: Editor) -> None:
    uri = await editor.open("import json\nprint(json.dumps({}))\n", "other.py")
    assert await editor.codes(uri) == []
    assert await editor.hover(uri, "json") is None
    params = types.CompletionParams(types.TextDocumentIdentifier(uri), editor.position(uri, "import "))
    found = await editor.client.text_document_completion_async(params)
    assert not getattr(found, "items", found)


class Notebook:
    """A notebook in an editor: a document a cell."""

    def __init__(self, editor: Editor, name: str, cells: Sequence[str]) -> None:
        self.editor = editor
        self.uri = (editor.folder / name).as_uri()
        self.cells = [
            self.uri.replace("file:", "vscode-notebook-cell:") + f"#W{n}" for n in range(len(cells))
        ]
        for cell, text in zip(self.cells, cells, strict=True):
            editor.texts[cell], editor.versions[cell] = text, 1
        code = types.NotebookCellKind.Code
        notebook = types.NotebookDocument(
            self.uri, "jupyter-notebook", 1, [types.NotebookCell(code, cell) for cell in self.cells]
        )
        items = [
            types.TextDocumentItem(cell, "python", 1, text)
            for cell, text in zip(self.cells, cells, strict=True)
        ]
        editor.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(notebook, items))
        self.version = 1

    def _changed(self, cells: types.NotebookDocumentCellChanges) -> None:
        self.version += 1
        for cell in self.cells:
            self.editor.client.diagnostics.pop(cell, None)
        identifier = types.VersionedNotebookDocumentIdentifier(self.version, self.uri)
        change = types.NotebookDocumentChangeEvent(cells=cells)
        self.editor.client.notebook_document_did_change(
            types.DidChangeNotebookDocumentParams(identifier, change)
        )

    def replace(self, index: int, old: str, new: str) -> None:
        """Type in a cell: only what changes is sent."""
        cell = self.cells[index]
        editor = self.editor
        where = types.Range(editor.position(cell, old), editor.position(cell, old, after=True))
        editor.texts[cell] = editor.texts[cell].replace(old, new, 1)
        editor.versions[cell] += 1
        change = types.TextDocumentContentChangePartial(where, new)
        content = types.NotebookDocumentCellContentChanges(
            types.VersionedTextDocumentIdentifier(editor.versions[cell], cell), [change]
        )
        self._changed(types.NotebookDocumentCellChanges(text_content=[content]))

    def remove(self, index: int) -> str:
        """Delete a cell."""
        cell = self.cells.pop(index)
        self._changed(
            types.NotebookDocumentCellChanges(
                structure=types.NotebookDocumentCellChangeStructure(
                    types.NotebookCellArrayChange(index, 1, []), [], [types.TextDocumentIdentifier(cell)]
                )
            )
        )
        return cell

    def close(self) -> None:
        cells = [types.TextDocumentIdentifier(cell) for cell in self.cells]
        self.editor.client.notebook_document_did_close(
            types.DidCloseNotebookDocumentParams(types.NotebookDocumentIdentifier(self.uri), cells)
        )


async def does_not_fit(editor: Editor, notebook: Notebook) -> tuple[str, types.Diagnostic]:
    """The one finding that says so, and its cell, once what was pushed for each cell is of one version."""
    for _ in range(20 * PATIENCE):
        everywhere = [(cell, each) for cell in notebook.cells for each in await editor.diagnostics(cell)]
        found = [(cell, each) for cell, each in everywhere if each.code == "VL101"]
        if len(found) == 1:
            return found[0]
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def test_a_notebook_has_squiggles_hovers_and_fixes_in_its_cells(editor: Editor) -> None:
    declared = CELLS[1].replace("# 😀", "# vramlint: gpu=T4\n# 😀")
    notebook = Notebook(editor, "fit.ipynb", (CELLS[0], declared, CELLS[2]))
    first, loading, training = notebook.cells
    assert await editor.codes(first) == []
    cell, found = await does_not_fit(editor, notebook)
    assert cell in (loading, training)
    where = editor.position(training, "32") if cell == training else editor.position(loading, "8192")
    assert found.range.start == where
    hover = await editor.hover(loading, "8192")
    assert hover is not None
    assert "GiB" in hover
    assert await editor.hover(first, "capture") is None

    notebook.replace(2, "32", "1")
    notebook.replace(1, "8192", "512")
    for each in notebook.cells:
        assert "VL101" not in await editor.codes(each)
    notebook.replace(1, "512", "8192")
    notebook.replace(2, "= 1)", "= 32)")
    cell, found = await does_not_fit(editor, notebook)
    actions = await editor.actions(cell, found.range)
    fix = next(each for each in actions if ", fits" in each.title)
    assert fix.edit is not None
    changed = (
        [str(each.text_document.uri) for each in fix.edit.document_changes]  # type: ignore[union-attr]
        if fix.edit.document_changes
        else list(fix.edit.changes or {})
    )
    assert set(changed) <= {loading, training}
    removed = notebook.remove(2)
    assert await editor.codes(loading) == []
    assert not editor.client.diagnostics.get(removed)
    notebook.close()


async def test_a_gpu_is_declared_in_the_first_cell_that_can_hold_a_comment(editor: Editor) -> None:
    notebook = Notebook(editor, "none.ipynb", CELLS)
    await editor.codes(notebook.cells[0])
    training = notebook.cells[2]
    found = next(each for each in await editor.diagnostics(training) if each.code == "VL104")
    actions = await editor.actions(training, found.range)
    fix = next(each for each in actions if each.title.startswith("declare"))
    assert fix.edit is not None
    if fix.edit.document_changes:
        (change,) = fix.edit.document_changes
        assert isinstance(change, types.TextDocumentEdit)
        assert change.text_document.uri == notebook.cells[1]
        (edit,) = change.edits
    else:
        ((uri, edits),) = (fix.edit.changes or {}).items()
        assert uri == notebook.cells[1]
        (edit,) = edits
    assert isinstance(edit, types.TextEdit)
    assert edit.range == types.Range(types.Position(0, 0), types.Position(0, 0))
    notebook.close()
