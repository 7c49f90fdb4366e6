"""The language that a file is written in."""

from __future__ import annotations

from typing import Literal, TypeAlias

from vramlint.files import MARKDOWN_SUFFIXES, SCRIPT_NAMES, SCRIPT_SUFFIXES

Language: TypeAlias = Literal["yaml", "json", "toml", "shell", "python", "notebook"]
"""A notebook's text is its JSON, or from an editor its cells, each under a line `# %%`."""
PROGRAMS = frozenset(("python", "notebook"))

_LANGUAGES: dict[str, Language] = {
    "yaml": "yaml",
    "yml": "yaml",
    "json": "json",
    "jsonc": "json",
    "toml": "toml",
    **dict.fromkeys((suffix[1:] for suffix in SCRIPT_SUFFIXES + MARKDOWN_SUFFIXES), "shell"),
    "py": "python",
    "ipynb": "notebook",
}


def language_of(text: str, path: str | None = None) -> Language:
    """By the file's extension; where that says nothing, JSON if the text starts with a bracket, else YAML."""
    extension = path.rpartition(".")[2].lower() if path else ""
    if path and path.replace("\\", "/").rpartition("/")[2] in SCRIPT_NAMES:
        return "shell"
    return _LANGUAGES.get(extension) or ("json" if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") else "yaml")
