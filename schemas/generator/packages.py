"""Released packages: downloaded through pip without their dependencies, unpacked, never installed."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

_ANY = ("-q", "--no-deps", "--ignore-requires-python", "--python-version", "3.13")


def unpack(name: str, version: str, folder: Path) -> Path:
    """The folder with the sources of `name` at `version`: those of its wheel, or of its sdist where it has
    none; downloaded into `folder` where they are not there yet. The Python that runs this need not be one
    that the package admits.
    """
    target = folder / f"{name}-{version}"
    if not target.is_dir():
        downloads = folder / "wheels"
        command = [sys.executable, "-m", "pip", "download", *_ANY, "-d", str(downloads)]
        wanted = f"{name}=={version}"
        if subprocess.run([*command, "--only-binary=:all:", wanted], check=False).returncode == 0:
            _wheel(next(downloads.glob(f"{name.replace('-', '_')}-{version}-*.whl")), target)
        else:
            # pip asks an sdist for its metadata in an environment of its own.
            plain = [part for part in command if part not in ("--python-version", "3.13")]
            subprocess.run([*plain, "--no-binary=:all:", wanted], check=True)
            _sdist(next(downloads.glob(f"{name.replace('-', '?')}-{version}.tar.gz")), target)
    return target


def checkout(name: str, version: str, folder: Path) -> Path:
    """The folder with the sources of a framework that no index has: a checkout that is there already."""
    target = folder / f"{name}-{version}"
    if not target.is_dir():
        raise SystemExit(f"{name} is on no package index: put its sources of {version} at {target}")
    return target


def _wheel(file: Path, target: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        archive.extractall(target, [name for name in archive.namelist() if name.endswith((".py", ".yaml"))])


def _sdist(file: Path, target: Path) -> None:
    """Its sources, without the folder that holds them all, and without `src`."""
    with tarfile.open(file) as archive:
        for member in archive.getmembers():
            inner = member.name.partition("/")[2].removeprefix("src/")
            if member.isfile() and inner.endswith(".py") and ".." not in inner:
                opened = archive.extractfile(member)
                path = target / inner
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(opened.read() if opened else b"")
