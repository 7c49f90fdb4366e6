"""Released packages: downloaded through pip without their dependencies, unpacked, never installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path


def unpack(name: str, version: str, folder: Path) -> Path:
    """The folder with the sources of the wheel of `name` at `version`; downloaded into `folder` where it is
    not there yet."""
    target = folder / f"{name}-{version}"
    if not target.is_dir():
        wheels = folder / "wheels"
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--ignore-requires-python",
            "--only-binary=:all:",
            "-d",
            str(wheels),
        ]
        subprocess.run([*command, f"{name}=={version}"], check=True)
        wheel = next(wheels.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target, [n for n in archive.namelist() if n.endswith(".py")])
    return target
