"""An older revision of a folder, read from its git repository: objects are asked for by name, nothing is
checked out in place, no shell, hook or filter runs, and the network is left alone.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from vramlint.lazy_dataclasses import dataclass
from vramlint.project.git import command, environment
from vramlint.project.paths import is_skipped

_LARGEST = 8 << 20
"""Bytes of a file that is read; a notebook holds pictures too."""


class NoRevision(Exception):
    """Why a revision cannot be read; the message is for people."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, seen from a folder of its repository."""

    commit: str
    folder: str
    """The folder that is compared."""
    prefix: str
    """The same inside the repository, with "/" at its end; empty for the root."""

    def changed(self) -> list[str]:
        """The files below the folder that differ from the commit, those of either side alone and new ones
        that are not ignored included; seen from the folder, with "/".
        """
        differing = ("diff", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", "--relative")
        new = ("ls-files", "--others", "--exclude-standard")
        found = [
            *_names(_git(self.folder, *differing, "-z", self.commit, "--", ".")),
            *_names(_git(self.folder, *new, "-z", "--", ".")),
        ]
        return sorted(dict.fromkeys(found))

    def write(self, target: str, wanted: Callable[[str], bool]) -> str:
        """Write the files of the commit whose name is wanted below `target`; where the folder is there."""
        top = Path(target)
        inside = top / self.prefix
        inside.mkdir(parents=True, exist_ok=True)
        entries = [entry for entry in self._entries() if wanted(entry[1].rpartition("/")[2])]
        with subprocess.Popen(
            _command(self.folder, "cat-file", "--batch"),
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as reader:
            assert reader.stdin is not None
            assert reader.stdout is not None
            for name, path in entries:
                reader.stdin.write(name.encode() + b"\n")
                reader.stdin.flush()
                header = reader.stdout.readline().split()
                if len(header) != 3:  # "missing"
                    continue
                data = reader.stdout.read(int(header[2]) + 1)[:-1]
                file = top / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            reader.stdin.close()
        return str(inside)

    def _entries(self) -> Iterator[tuple[str, str]]:
        """Object names and paths of the regular files below the folder, and of those in folders above it."""
        listed = _git(self.folder, "ls-tree", "-r", "-l", "-z", "--full-tree", self.commit)
        for entry in _names(listed):
            facts, _, path = entry.partition("\t")
            mode, kind, name, size = facts.split()
            parts = path.split("/")
            if kind != "blob" or not mode.startswith("100") or int(size) > _LARGEST or _strange(parts):
                continue
            if path.startswith(self.prefix):
                if not any(map(is_skipped, path.removeprefix(self.prefix).split("/")[:-1])):
                    yield name, path
            elif self.prefix.startswith("/".join([*parts[:-1], ""])):
                yield name, path


def revision(reference: str, folder: str) -> Revision:
    """The commit that a name means in the repository of a folder. Raises NoRevision."""
    prefix = _git(folder, "rev-parse", "--show-prefix").decode(errors="surrogateescape").rstrip("\n")
    wanted = f"{reference}^{{commit}}"
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted, what=reference)
    return Revision(found.decode().strip(), folder, prefix)


def _command(folder: str, *arguments: str) -> list[str]:
    found = command(folder, *arguments)
    if found is None:
        raise NoRevision("git is not installed")
    return found


def _git(folder: str, *arguments: str, what: str = "") -> bytes:
    try:
        done = subprocess.run(
            _command(folder, *arguments),
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except ValueError:  # a NUL
        raise NoRevision(f"no commit is called {what!r}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0].removeprefix("fatal: ")
        raise NoRevision(f"no commit is called {what!r}" if what and not said else said or "git failed")
    return done.stdout


def _names(listed: bytes) -> Iterator[str]:
    return (os.fsdecode(each) for each in listed.split(b"\0") if each)


def _strange(parts: list[str]) -> bool:
    """Whether a path could lead out of the folder that it is written to."""
    return any(part in ("", ".", "..") or "\\" in part or ":" in part for part in parts)
