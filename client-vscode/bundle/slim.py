"""Makes the bundle smaller: takes out docstrings, which nothing reads at run time but the pages of rules,
comments, modules that nothing imports, notes that are written into the documentation, and what an installer
keeps for itself. Every statement stays on its line,
so that tracebacks name the same lines as a checkout.
"""

from __future__ import annotations

import ast
import io
import shutil
import tokenize
from pathlib import Path

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
            file.write_text(without_comments(without_docstrings(file.read_text("utf-8"))), "utf-8")


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


def _is_text(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
