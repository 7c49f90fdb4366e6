"""Fills client-vscode/bundled: the server built from this checkout and its dependencies, all in plain Python,
as one archive that run.py unpacks at its first start.

Run with a Python that has pip and hatchling (the project's own environment has both).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from itertools import chain
from pathlib import Path

from slim import slim

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUNDLED = HERE.parent / "bundled"
# Needed by older Pythons only, so that pip leaves them out when a newer one builds the bundle.
FOR_OLDER_PYTHONS = ("tomli", "exceptiongroup", "typing-extensions")
COMPILED = (".so", ".pyd", ".dylib")


def pip(*arguments: str | Path) -> None:
    """Run this Python's pip."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*command, *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def build(into: Path) -> None:
    """Build the wheel, install it into a folder, and move what is compiled out of the way."""
    libs, substitutes = into / "libs", into / "substitutes"
    with tempfile.TemporaryDirectory() as folder:
        pip("wheel", ROOT, "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
        (wheel,) = Path(folder).glob("vramlint-*.whl")
        pip("install", "--no-compile", "--target", libs, wheel, *FOR_OLDER_PYTHONS)

    (substitutes / "pyyaml").mkdir(parents=True)
    shutil.move(libs / "yaml", substitutes / "pyyaml")
    (substitutes / "rpds").mkdir()
    shutil.copy(HERE / "rpds.py", substitutes / "rpds")

    unwanted = ("bin", "_yaml", "rpds", "rpds_py-*.dist-info", "*/tests", "*/benchmarks")
    for folder in chain.from_iterable(libs.glob(pattern) for pattern in unwanted):
        shutil.rmtree(folder)
    # tomli and PyYAML carry the same code in Python beside the compiled one.
    beside = (
        libs.glob("*__mypyc.*"),
        (libs / "tomli").iterdir(),
        (substitutes / "pyyaml" / "yaml").iterdir(),
    )
    for file in chain(*beside):
        if file.suffix in COMPILED:
            file.unlink()
    slim(libs)


def refuse_compiled(folder: Path) -> None:
    """Fail if anything is left that runs on one platform only."""
    compiled = [str(file.relative_to(folder)) for file in folder.rglob("*") if file.suffix in COMPILED]
    if compiled:
        sys.exit(f"the bundle must be pure Python, but holds {', '.join(compiled)}")


def pack(folder: Path, archive: Path) -> None:
    """Put a folder's files, like beside like, into an archive without compression. The extension is
    compressed file by file, so one large file shrinks to two thirds of what nine hundred small ones do.
    """
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        for file in sorted(folder.rglob("*"), key=lambda file: (file.suffix, file)):
            if file.is_file():
                out.write(file, file.relative_to(folder).as_posix())


if __name__ == "__main__":
    shutil.rmtree(BUNDLED, ignore_errors=True)
    BUNDLED.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        build(Path(temporary))
        refuse_compiled(Path(temporary))
        pack(Path(temporary), BUNDLED / "python.zip")
    shutil.copy(HERE / "run.py", BUNDLED)
