"""Everything around a document that its analysis needs, as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vramlint.dialects.kit.dialect import Catalog, Companion
from vramlint.document.place import Snippet
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.project.launchers import Launcher
from vramlint.project.settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What surrounds one document. `open` and `launcher` read files, so they run only when called."""

    settings: Settings
    """Of the file, with the overrides on top."""
    settings_file: str | None
    """Where settings of this file are written: the file they came from, else the workspace's own."""
    catalog: Catalog
    versions: Mapping[str, str]
    """Releases by framework and library: the lock file's, then the settings', then the overrides'."""
    open: Callable[[str], Companion | None]
    """A companion by the name written in the document; None where it is missing or outside the workspace."""
    faults: Mapping[str, str]
    """Why a companion that is there cannot be used, by the name written; filled while `open` is asked."""
    launcher: Callable[[], Launcher | None]
    """What launches the document, where exactly one kind of launch names it."""
    script: Callable[[str], Snippet | None]
    """A shell script by the name written in the document."""
    module: Callable[[str, str | None], Snippet | None]
    """A Python module of the project by its path without a suffix, from the folder of a program upwards."""

    def below(self, folder: str) -> Surroundings:
        """The same for names that start from a folder, seen from the document's own; what is not there is
        looked for as ever.
        """
        if not folder:
            return self

        def within(name: str) -> str:
            return name if name.startswith(("/", "~")) else f"{folder}/{name}"

        return replace(
            self,
            open=lambda name: self.open(within(name)) or self.open(name),
            script=lambda name: self.script(within(name)) or self.script(name),
        )
