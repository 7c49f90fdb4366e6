"""The work grows with the comments, not with their square."""

from __future__ import annotations

from work import calls

from vramlint.document import Document
from vramlint.lint.directives import read_directives


def test_many_ignore_comments_are_read_in_one_pass() -> None:
    def work(lines: int) -> int:
        document = Document.parse("a: 1\n" + "# vramlint: ignore[VL101]\n" * lines, "t.yaml")
        return calls(lambda: read_directives(document))

    assert work(800) < 2.5 * work(400)
