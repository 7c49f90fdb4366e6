"""Path patterns of the settings, matched without backtracking: a stranger's pattern cannot hang a run."""

from __future__ import annotations

from collections.abc import Sequence


def matches(pattern: str, path: str) -> bool:
    """Whether a relative path with `/` matches. `*` and `?` stay inside one folder, `**` does not; a pattern
    that ends in `/` means everything below.
    """
    pattern = pattern.removeprefix("./")
    if pattern.endswith("/"):
        pattern += "**"
    return _matches(tuple(pattern.split("/")), tuple(path.split("/")))


def is_pattern(line: str) -> bool:
    """Whether git takes the line as a pattern of a .gitignore: "!" and "a\\" are none."""
    from pathspec import GitIgnoreSpec  # imported late: few projects exclude anything

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _matches(patterns: Sequence[str], names: Sequence[str]) -> bool:
    """Greedy, with a retry at the last `**` only: what came before it need never be looked at again."""
    at = name = 0
    retry: tuple[int, int] | None = None
    while name < len(names):
        if at < len(patterns) and patterns[at] == "**":
            retry = at, name
            at += 1
        elif at < len(patterns) and _name_matches(patterns[at], names[name]):
            at, name = at + 1, name + 1
        elif retry is not None:
            at, name = retry[0] + 1, retry[1] + 1
            retry = retry[0], name
        else:
            return False
        if at == len(patterns) and patterns[-1] == "**":
            return True
    return at == len(patterns)


def _name_matches(pattern: str, name: str) -> bool:
    """One name against `*` and `?`, again with a retry at the last `*` only."""
    at = index = 0
    retry: tuple[int, int] | None = None
    while index < len(name):
        if at < len(pattern) and pattern[at] == "*":
            retry = at, index
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", name[index]):
            at, index = at + 1, index + 1
        elif retry is not None:
            at, index = retry[0] + 1, retry[1] + 1
            retry = retry[0], index
        else:
            return False
    return not pattern[at:].strip("*")
