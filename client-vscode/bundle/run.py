"""Starts vramlint from the libraries in python.zip, under whatever Python runs it (3.10 or newer).

Run as `python -I run.py server`. The first start unpacks the archive beside this file; where it may not write
there, each start unpacks it into a temporary folder. The libraries are pure Python, so that one bundle serves
every platform. Two that have compiled parts have a substitute below `substitutes/`: PyYAML without its C
parser (slower, same result) and `rpds`, from which jsonschema takes its immutable mappings. A
substitute is used only where the Python that runs this has no usable original.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
UNPACKED = HERE / "python"


def unpacked() -> Path:
    """The folder of the unpacked archive. It gets its name only when it is complete, so that two windows
    may start at the same time.
    """
    if UNPACKED.is_dir():
        return UNPACKED
    from zipfile import ZipFile

    try:
        folder = Path(tempfile.mkdtemp(prefix=".python-", dir=HERE))
    except OSError:  # an extension that an administrator installed
        folder = Path(tempfile.mkdtemp(prefix="vramlint-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with ZipFile(HERE / "python.zip") as archive:
        archive.extractall(folder)
    if folder.parent != HERE:
        return folder
    try:
        folder.rename(UNPACKED)
    except OSError:  # another window was first
        shutil.rmtree(folder, ignore_errors=True)
    return UNPACKED


def compiled_yaml() -> bool:
    """Whether this Python has a PyYAML 6 with the C parser; the module is left imported only if so."""
    try:
        import yaml

        if yaml.__with_libyaml__ and yaml.__version__.startswith("6."):
            return True
    except (ImportError, AttributeError):
        pass
    for name in [name for name in sys.modules if name.partition(".")[0] in ("yaml", "_yaml")]:
        del sys.modules[name]
    return False


def main() -> int:
    """Put the libraries first on the path and hand over."""
    folder = unpacked()
    if not compiled_yaml():
        sys.path.insert(0, str(folder / "substitutes" / "pyyaml"))
    if find_spec("rpds") is None:
        sys.path.insert(0, str(folder / "substitutes" / "rpds"))
    sys.path.insert(0, str(folder / "libs"))
    from vramlint.cli import main as vramlint

    return int(vramlint())


if __name__ == "__main__":
    sys.exit(main())
