"""Command lines that YAML holds as lists: the containers of Kubernetes and Compose, and the steps of a
pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from vramlint.dialects.launching.builder import Builder
from vramlint.document.document import Document
from vramlint.document.node import Node
from vramlint.document.place import Snippet

_SHELLS = ("sh", "bash", "zsh", "ash")


def listed_commands(text: str, given: Callable[[Builder, int], None]) -> Iterator[Snippet]:
    """The shell text of each mapping that has a list of words or of commands. `given` takes the variables
    that the file gives to what is at an offset.
    """
    document = Document.parse(text, "list.yaml", "yaml")
    if document.root is None:
        return
    for node in _mappings(document.root):
        held = {str(pair.key.value): pair.value.resolved() for pair in node.pairs}
        words = [*_items(held.get("command")), *_items(held.get("args"))]
        steps = [*_items(held.get("before_script")), *_items(held.get("script"))]
        if not words and not steps:
            continue
        built = Builder()
        given(built, (words or steps)[0].span.start)
        for name, value in _variables(held.get("env")):
            _take(built, f"export {name}=", value, quoted=True)
        if words:
            _take_words(built, text, words)
        for step in steps:
            _take_script(built, text, step)
        yield built.snippet()


def _mappings(node: Node) -> Iterator[Node]:
    """Each mapping where it is written: aliases are not followed, so that none is met twice."""
    if node.kind == "map":
        yield node
        for pair in node.pairs:
            yield from _mappings(pair.value)
    elif node.kind == "seq":
        for item in node.items:
            yield from _mappings(item)


def _items(node: Node | None) -> Sequence[Node]:
    """The scalars of a list."""
    if node is None or node.kind != "seq":
        return ()
    return [item for item in (each.resolved() for each in node.items) if item.kind == "scalar"]


def _variables(node: Node | None) -> Iterator[tuple[str, Node]]:
    """A container's variables: a list of names with values."""
    for item in node.items if node is not None and node.kind == "seq" else ():
        held = {str(pair.key.value): pair.value.resolved() for pair in item.resolved().pairs}
        if "name" in held and "value" in held and str(held["name"].value).isidentifier():
            yield str(held["name"].value), held["value"]


def _take_words(built: Builder, text: str, words: Sequence[Node]) -> None:
    """The words of one command; of a shell with `-c` the script that it is given."""
    values = [str(word.value) for word in words]
    if values[0].rpartition("/")[2] in _SHELLS and len(words) > 2 and values[1].startswith("-"):
        at = next((index for index, value in enumerate(values) if index and not value.startswith("-")), None)
        if at is not None and values[at - 1].endswith("c"):
            _take_script(built, text, words[at])
            return
    for word in words:
        _take(built, "", word, quoted=any(mark in str(word.value) for mark in " \t\n\"'|&;<>*?#"))


def _take(built: Builder, before: str, word: Node, *, quoted: bool) -> None:
    """One word, quoted for the shell where it needs to be."""
    start, end = word.span
    value = str(word.raw if word.style == "plain" else word.value)
    if word.style in ("single", "double") and end - start == len(value) + 2:
        start, end = start + 1, end - 1
    mark = "'" if quoted and "'" not in value else '"' if quoted else ""
    built.take(before + mark, start, start)
    built.take(value, start, end)
    built.take(mark + ("\n" if before else " "), end, end)


def _take_script(built: Builder, text: str, node: Node) -> None:
    """A script or a command: the lines of a block without their indentation, those of a folded one as one."""
    start, end = node.span
    if node.style not in ("literal", "folded"):
        _take(built, "", node, quoted=False)
        built.take("\n", end, end)
        return
    offset = text.find("\n", start) + 1
    for line in text[offset:end].splitlines(keepends=True):
        begin = len(line) - len(line.lstrip(" "))
        bare = line.rstrip("\r\n")
        built.take(bare[begin:], offset + begin, offset + len(bare))
        ending = " " if node.style == "folded" and bare.strip() else "\n"
        built.take(ending, offset + len(bare), offset + len(line))
        offset += len(line)
    built.take("\n", end, end)
