"""Compresses a packaged extension as far as deflate goes: vsce takes its default, a percent larger."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path


def repack(vsix: Path) -> None:
    """Write the archive again, file by file in its order."""
    smaller = vsix.with_suffix(".tmp")
    with zipfile.ZipFile(vsix) as packed, zipfile.ZipFile(smaller, "w") as out:
        for info in packed.infolist():
            out.writestr(info, packed.read(info), zipfile.ZIP_DEFLATED, compresslevel=9)
    smaller.replace(vsix)


if __name__ == "__main__":
    repack(Path(sys.argv[1]))
