"""Makes the bundle smaller: takes out docstrings, which nothing reads at run time but the pages of rules,
comments, indentation wider than a blank, our functions' annotations, modules that nothing imports, notes that
are written into the documentation, and what an installer keeps for itself. Every statement stays on its line,
so that tracebacks name the same lines as a checkout.
"""

from __future__ import annotations

import ast
import io
import shutil
import tokenize
from pathlib import Path

OURS = "vramlint"
"""The package whose functions' annotations nobody asks for at run time."""
KEPT = ("vramlint_rules",)
"""Packages whose docstrings are shown."""
OF_PACKAGING = ("__init__.py", "version.py", "_structures.py", "errors.py")
"""Of `packaging` only versions are read (vramlint/versions.py)."""
UNREAD = ("packaging/licenses", "cattr", "cattrs/preconf", "cattrs/strategies")
"""Folders that nothing imports: licences as data, cattrs by its old name, its other formats."""
OF_INSTALLERS = ("RECORD", "WHEEL", "INSTALLER", "REQUESTED", "direct_url.json", "top_level.txt")


def slim(libs: Path) -> None:
    """Do so for every package below a folder."""
    for folder in libs.glob("*.dist-info"):
        for name in OF_INSTALLERS:
            (folder / name).unlink(missing_ok=True)
        metadata = folder / "METADATA"
        metadata.write_text(metadata.read_text("utf-8").partition("\n\n")[0] + "\n", "utf-8")
    unread = [*libs.rglob("*.pyi"), *libs.rglob("py.typed"), *libs.rglob("notes.md")]
    unread += libs.glob("vramlint_schemas/catalog/README.md")
    unread += [*libs.glob("jsonschema/cli.py"), *libs.glob("jsonschema/__main__.py")]
    unread += [file for file in (libs / "packaging").glob("*.py") if file.name not in OF_PACKAGING]
    for file in unread:
        file.unlink()
    for folder in UNREAD:
        shutil.rmtree(libs / folder, ignore_errors=True)
    for file in libs.rglob("*.py"):
        package = file.relative_to(libs).parts[0]
        if package not in KEPT:
            source = without_comments(without_docstrings(file.read_text("utf-8")))
            if package == OURS:
                source = without_annotations(source)
            file.write_text(narrow(source), "utf-8")


def without_docstrings(source: str) -> str:
    """The source with `""` for every text that stands alone as a statement. Raises SyntaxError where the
    result could not be compiled.
    """
    lines = source.encode().split(b"\n")
    for node in ast.walk(ast.parse(source)):
        for statement in getattr(node, "body", ()) if not isinstance(node, ast.Lambda | ast.IfExp) else ():
            if not _is_text(statement):
                continue
            first, last = statement.lineno - 1, (statement.end_lineno or statement.lineno) - 1
            before, after = lines[first][: statement.col_offset], lines[last][statement.end_col_offset :]
            if first == last:
                lines[first] = before + b'""' + after
            else:
                lines[first : last + 1] = [before + b'""' + after, *[b""] * (last - first)]
    result = b"\n".join(lines).decode()
    compile(result, "bundled", "exec")
    return result


def without_comments(source: str) -> str:
    """The source without its comments."""
    lines = source.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            lines[line - 1] = lines[line - 1][:column].rstrip()
    return "\n".join(lines)


def without_annotations(source: str) -> str:
    """The source without annotations of functions' parameters and results, where they stand on one line.
    Those of decorated functions stay: decorators may read them.
    """
    lines = source.encode().split(b"\n")
    cuts: list[tuple[int, int, int]] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.decorator_list:
            continue
        every = node.args
        for each in (*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg):
            if each is not None and each.annotation is not None and each.lineno == each.annotation.end_lineno:
                start = each.col_offset + len(each.arg.encode())
                cuts.append((each.lineno - 1, start, each.annotation.end_col_offset or start))
        result = node.returns
        if result is not None and result.lineno == result.end_lineno:
            arrow = lines[result.lineno - 1].rfind(b"->", 0, result.col_offset)
            if arrow >= 0:
                start = len(lines[result.lineno - 1][:arrow].rstrip())
                cuts.append((result.lineno - 1, start, result.end_col_offset or start))
    for line, start, end in sorted(cuts, reverse=True):
        lines[line] = lines[line][:start] + lines[line][end:]
    result_source = b"\n".join(lines).decode()
    compile(result_source, "bundled", "exec")
    return result_source


def narrow(source: str) -> str:
    """The source with one blank a level; what is in texts of several lines stays as it is."""
    lines = source.split("\n")
    depth = 0
    levels: dict[int, int] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.INDENT:
            depth += 1
        elif token.type == tokenize.DEDENT:
            depth -= 1
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.NEWLINE, tokenize.ENDMARKER):
            levels.setdefault(token.start[0], depth)
            for line in range(token.start[0] + 1, token.end[0] + 1):
                levels[line] = -1  # inside a text of several lines
    for line, level in levels.items():
        if level >= 0:
            lines[line - 1] = " " * level + lines[line - 1].lstrip(" \t")
    narrowed = "\n".join(lines)
    compile(narrowed, "bundled", "exec")
    return narrowed


def _is_text(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
