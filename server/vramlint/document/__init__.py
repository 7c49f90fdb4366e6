"""Text to a positioned tree, for YAML, JSON and TOML, also while half typed; and edits of it.

`document.Document` is the entry; `node` the tree; `edit` the edits; `lines` the line index.
"""

from vramlint.document.document import Document
from vramlint.document.language import PROGRAMS, Language, language_of
from vramlint.document.lines import LineIndex
from vramlint.document.node import Comment, KeyPath, Node, Pair, Place, Span, SyntaxProblem, walk

__all__ = [
    "PROGRAMS",
    "Comment",
    "Document",
    "KeyPath",
    "Language",
    "LineIndex",
    "Node",
    "Pair",
    "Place",
    "Span",
    "SyntaxProblem",
    "language_of",
    "walk",
]
