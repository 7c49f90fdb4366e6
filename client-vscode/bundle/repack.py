"""The last hand on a packaged extension: its README as an index shows it, and compressed as far as deflate
goes; vsce takes its default, a percent larger.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

import hatch_build  # noqa: E402

README = "extension/readme.md"
MANIFEST = "extension/package.json"


def repack(vsix: Path) -> None:
    """Write the archive again, file by file in its order."""
    smaller = vsix.with_suffix(".tmp")
    with zipfile.ZipFile(vsix) as packed, zipfile.ZipFile(smaller, "w") as out:
        version = json.loads(packed.read(MANIFEST))["version"]
        for info in packed.infolist():
            data = packed.read(info)
            if info.filename == README:
                data = shown(data.decode(), version).encode()
            out.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=9)
    smaller.replace(vsix)


def shown(readme: str, version: str) -> str:
    """The README with links and pictures of the repository, where the build was told its address."""
    return hatch_build.readme(readme, version, hatch_build.address(), "client-vscode")


if __name__ == "__main__":
    repack(Path(sys.argv[1]))
