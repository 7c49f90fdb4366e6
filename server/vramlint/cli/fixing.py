"""`check --fix` and `--diff`.

Apply fixes one at a time, each to the text that the one before left, and look again.
"""

from __future__ import annotations

import os
import shutil
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterator
from difflib import unified_diff
from pathlib import Path
from tempfile import NamedTemporaryFile

from vramlint.analysis.analyse import fixes_for
from vramlint.cli.console import Failure
from vramlint.cli.content import STDIN
from vramlint.document import Document
from vramlint.document.edit import apply_edits
from vramlint.document.node import KeyPath
from vramlint.files import Unreadable, read_bytes
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.result import Analysis

MOST_FIXES = 100


def apply_fixes(
    analysis: Analysis, again: Callable[[Document], Analysis], unsafe: bool
) -> tuple[Analysis, int]:
    """The analysis after all fixes that may be applied, and how many were.

    A finding that its fix did not end is tried once only.
    """
    tried: set[tuple[str, KeyPath, str]] = set()
    applied = 0
    while applied < MOST_FIXES:
        step = next(_steps(analysis, unsafe, tried), None)
        if step is None:
            break
        finding, fix = step
        tried.add(_identity(finding))
        document = analysis.document
        analysis = again(
            Document.parse(apply_edits(document.text, fix.edits), document.path, document.language)
        )
        applied += 1
    return analysis, applied


def _steps(
    analysis: Analysis, unsafe: bool, tried: set[tuple[str, KeyPath, str]]
) -> Iterator[tuple[Finding, Fix]]:
    for finding in analysis.findings:
        if _identity(finding) not in tried:
            yield from (
                (finding, fix)
                for fix in fixes_for(analysis, finding)
                if (fix.safe or unsafe) and fix.edits and not fix.by_hand
            )


def _identity(finding: Finding) -> tuple[str, KeyPath, str]:
    return finding.code, finding.at.key, finding.message


def write(path: str, read: bytes, text: str) -> None:
    """Put the fixed text where it came from, in the encoding, with the line endings and the mode it had.

    The file is replaced in one step, so that a crash leaves the old or the new one. Raises Failure where it
    is not what was read any more, or a link to outside of the current folder.
    """
    if path == STDIN:
        sys.stdout.write(text)
        return
    target = Path(path).resolve()
    if Path(path).is_symlink() and not target.is_relative_to(Path.cwd()):
        raise Failure(f"{path}: is a link to {target}, outside of the current folder; not written")
    try:
        if read_bytes(target, len(read)) != read:
            raise Failure(f"{path}: changed since it was read; not written")
    except Unreadable as error:
        raise Failure(f"{path}: changed since it was read ({error}); not written") from None
    try:
        _replace(target, _encoded(text, read))
    except OSError as error:
        raise Failure(f"{path}: cannot be written: {error.strerror}") from None


def _encoded(text: str, read: bytes) -> bytes:
    """The text in the encoding that was read, by its byte order mark."""
    for mark, encoding in ((BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be")):
        if read.startswith(mark):
            return mark + text.encode(encoding)
    return text.encode()


def _replace(target: Path, data: bytes) -> None:
    """Write a new file beside the old one, then give it the old one's name and mode."""
    with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            shutil.copymode(target, file.name)
            file.close()
            Path(file.name).replace(target)
        except BaseException:
            file.close()
            Path(file.name).unlink(missing_ok=True)
            raise


def diff(path: str, before: str, after: str) -> str:
    """The change as a unified diff, ready for `patch -p0`."""
    lines = unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), path, path)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
