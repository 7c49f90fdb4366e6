"""Writing edits of a file that was read into it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vramlint.cli.console import Failure
from vramlint.cli.content import STDIN, read
from vramlint.cli.files import Reader
from vramlint.cli.fixing import write
from vramlint.document import Document
from vramlint.document.edit import TextEdit, apply_edits
from vramlint.project.overrides import Overrides


def write_edits(path: str, document: Document, edits: Sequence[TextEdit]) -> bool:
    """Write the edits of the document that was read from `path`; of standard input, print the text with them.
    Returns whether a file was written. Raises Failure where the file is no longer what was read.
    """
    text = apply_edits(document.text, edits)
    if path == STDIN:
        sys.stdout.write(text)
        return False
    data = read(path)
    if Reader(Overrides()).parse(data, path).text != document.text:
        raise Failure(f"{path}: changed since it was read; not written")
    write(path, data, text)
    return True
