"""The notebook docs/python-api.ipynb: run anew in a kernel, and as a page of the site.

`scripts/generate` writes its outputs. What is printed is kept; when and how often a cell was run is not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
NOTEBOOK = DOCS / "python-api.ipynb"
PATIENCE = 120
"""Seconds for one cell."""


def executed(file: Path = NOTEBOOK) -> str:
    """The notebook with the outputs that its cells have now. Raises CellExecutionError if one fails."""
    import nbformat  # here, as below: the site's pages are also made where there is no kernel
    from nbclient import NotebookClient

    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(file, as_version=4)
    client = NotebookClient(
        notebook, timeout=PATIENCE, kernel_name="python3", record_timing=False, coalesce_streams=True
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell["execution_count"] = None
            cell.outputs = [_plain(output) for output in cell.outputs]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return str(nbformat.writes(notebook)) + "\n"


def page(text: str) -> str:
    """A notebook as Markdown: its texts, its code, and under it what was printed."""
    import json

    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        if said := "".join(_printed(output) for output in cell["outputs"]):
            parts.append(f"```text\n{said.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _plain(output: Any) -> Any:
    if output.output_type == "execute_result":
        output["execution_count"] = None
    return output


def _printed(output: dict[str, Any]) -> str:
    """What an output says as text."""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return "".join(text)
