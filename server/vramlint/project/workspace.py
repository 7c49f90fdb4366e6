"""What surrounds a document: its settings, the catalog, and the other files it may name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from vramlint.catalog.hub import HubModels
from vramlint.catalog.models import Models
from vramlint.dialects import detect
from vramlint.dialects.kit.dialect import Catalog, Companion
from vramlint.document import Document
from vramlint.document.place import Snippet
from vramlint.files import (
    SCRIPT_SUFFIXES,
    Unreadable,
    is_regular,
    lies_within,
    names_network_share,
    read_text,
)
from vramlint.project.launchers import Launcher, Launchers
from vramlint.project.lock_files import locked_versions
from vramlint.project.overrides import Overrides
from vramlint.project.paths import folder_of, is_skipped
from vramlint.project.settings import Settings, SettingsResolver
from vramlint.project.settings_models import SettingsModels
from vramlint.project.surroundings import Surroundings

_LARGEST_COMPANION = 4 * 2**20
_SCAN_LIMIT = 5_000
"""Directory entries that are looked at to find companions by their base name."""


class Workspace:
    """One folder, the documents open in it, and the catalog. Shared by all files that are analysed.

    `overlay` holds the texts of open documents by absolute path; it may change between analyses. `within` are
    the folders outside which no path that a document names is followed.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        *,
        settings: SettingsResolver | None = None,
        overlay: Mapping[str, str] | None = None,
        catalog: Catalog | None = None,
        within: tuple[str, ...] | None = None,
    ) -> None:
        self.root = Path(root if root is not None else Path.cwd()).resolve()
        self.settings = settings or SettingsResolver()
        self.overlay: Mapping[str, str] = overlay if overlay is not None else {}
        self.catalog: Catalog = catalog or Models(within=within)
        self._within = within
        self._by_base_name: dict[Path, dict[str, Path]] = {}
        self._launchers = Launchers(self.root, self.overlay)
        self._catalogs: dict[str, Catalog] = {}
        self._locked: dict[Path, Mapping[str, str]] = {}
        self._folders: dict[str, Path] = {}

    def surroundings(self, path: str | None, overrides: Overrides) -> Surroundings:
        """What surrounds the document at `path`, under the overrides of command line or editor."""
        settings = overrides.over(self.settings.for_file(path))
        faults: dict[str, str] = {}
        return Surroundings(
            settings=settings,
            settings_file=self._settings_file(path, settings),
            catalog=self._catalog(settings),
            versions={**self._locked_versions(path, settings), **settings.versions},
            open=partial(self._open, path, settings.companions_outside_workspace, faults),
            faults=faults,
            launcher=partial(self._launcher, path),
            script=partial(self.script, path),
            module=partial(self.module, path),
        )

    def _settings_file(self, path: str | None, settings: Settings) -> str | None:
        if settings.source is not None or path is None:
            return settings.source
        folder = self._folder_of(path)
        return str((self.root if folder.is_relative_to(self.root) else folder) / "vramlint.toml")

    def _catalog(self, settings: Settings) -> Catalog:
        """The catalog, with the models of the settings, and the hub where they turn it on."""
        if not settings.models and not settings.hub:
            return self.catalog
        key = settings.source or ""
        if key not in self._catalogs:
            catalog = self.catalog
            if settings.hub and isinstance(catalog, Models):
                catalog = HubModels(catalog)
            folder = Path(settings.source).parent if settings.source else None
            pinned = SettingsModels(settings.models, catalog, folder) if settings.models else catalog
            self._catalogs[key] = pinned
        return self._catalogs[key]

    def _locked_versions(self, path: str | None, settings: Settings) -> Mapping[str, str]:
        """The versions of the lock file that holds for the document, where the settings ask for it."""
        if settings.versions_from is None or path is None:
            return {}
        folder = self._folder_of(path)
        if folder not in self._locked:
            root = self.root if folder.is_relative_to(self.root) else folder
            self._locked[folder] = locked_versions(folder, root)[0]
        return self._locked[folder]

    def _launcher(self, path: str | None) -> Launcher | None:
        return self._launchers.of(self._folder_of(path) / Path(path).name) if path else None

    def forget(self) -> None:
        """Look for settings, companions, launchers and locked versions again."""
        self.settings.forget()
        self._catalogs.clear()
        self._locked.clear()
        self._folders.clear()
        self._launchers = Launchers(self.root, self.overlay)
        self._by_base_name.clear()

    def _folder_of(self, path: str) -> Path:
        """The folder of a file, links followed; asked for often and rarely new."""
        folder = folder_of(path)
        if folder not in self._folders:
            self._folders[folder] = Path(path).resolve().parent
        return self._folders[folder]

    def _open(self, path: str | None, outside: bool, faults: dict[str, str], name: str) -> Companion | None:
        file = self._find(path, outside, name)
        if file is None or (path is not None and file == Path(path).resolve()):
            if path is not None and os.path.isdir(self._folder_of(path) / name):  # noqa: PTH112 (never raises)
                faults[name] = "a folder"
            return None
        text = self.overlay.get(str(file))
        if text is None:
            try:
                text = read_text(file, _LARGEST_COMPANION)
            except Unreadable as error:
                faults[name] = str(error)
                return None
        shown = self._shown(file)
        document = Document.parse(text, shown)
        broken = next((each for each in document.problems if each.kind != "duplicate-key"), None)
        if broken is not None:
            faults[name] = f"line {document.lines.line(broken.span.start) + 1}: {broken.message}"
        values = document.values()
        return Companion(shown, values, detect(values).name, document)

    def script(self, path: str | None, name: str) -> Snippet | None:
        """A script or settings file by the name that the file at `path` calls it by."""
        if not name.endswith((*SCRIPT_SUFFIXES, ".env", ".py")) and "." in Path(name).name:
            return None
        file = self._find(path, False, name)
        text = None if file is None else self.overlay.get(str(file)) or _read(file)
        if file is None or text is None:
            return None
        return Snippet.whole(text, self._shown(file))

    def module(self, path: str | None, name: str, program: str | None) -> Snippet | None:
        """A module of the project: beside the program that is shown as `program` (None: the file at `path`),
        else in a folder above it, or in one's `src`. Of a folder that is no package, an empty text.
        """
        start = self.root / program if program is not None else Path(path) if path is not None else None
        folder = self._folder_of(str(start)) if start is not None else self.root
        root = self.root if folder.is_relative_to(self.root) else folder
        for above in (folder, *folder.parents):
            for base in (above, above / "src"):
                for each in (base / f"{name}.py", base / name / "__init__.py"):
                    file = each.resolve()
                    if is_regular(file) and file.is_relative_to(root):
                        return Snippet.whole(
                            self.overlay.get(str(file)) or _read(file) or "", self._shown(file)
                        )
                if (base / name).is_dir():
                    return Snippet.whole("", self._shown(base / name / "__init__.py"))
            if above == root:
                break
        return None

    def _shown(self, file: Path) -> str:
        return str(file.relative_to(self.root)) if file.is_relative_to(self.root) else str(file)

    def text(self, path: str | None, name: str) -> str | None:
        """The text of a file by the name that it is shown by."""
        file = self._find(path, True, name)
        return None if file is None else self.overlay.get(str(file)) or _read(file)

    def _find(self, path: str | None, outside: bool, name: str) -> Path | None:
        """Beside the document, else from the root, else from the nearest folder between them, where a part of
        a larger workspace is started; else the only file of that base name inside.
        """
        if not name or "\0" in name or "\n" in name or names_network_share(name):
            return None
        folder = self._folder_of(path) if path else self.root
        root = self.root if folder.is_relative_to(self.root) else folder
        between = folder.parents[: len(folder.parts) - len(root.parts) - 1] if folder != root else ()
        for base in (folder, root, *between):
            try:
                file = (base / name).resolve()
                inside = outside or file.is_relative_to(root)
                if inside and lies_within(file, self._within) and is_regular(file):
                    return file
            except (OSError, ValueError, RuntimeError):
                return None
        if root not in self._by_base_name:
            self._by_base_name[root] = _single_files(root)
        found = self._by_base_name[root].get(Path(name).name)
        return found if found is not None and lies_within(found, self._within) else None


def _single_files(root: Path) -> dict[str, Path]:
    """The files below `root` whose base name no other has; none where there is too much to look at."""
    found: dict[str, Path | None] = {}
    seen = 0
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not is_skipped(name)]
        seen += len(folders) + len(files)
        for name in files:
            found[name] = None if name in found else Path(folder, name)
        if seen > _SCAN_LIMIT:
            return {}
    single = ((name, file.resolve()) for name, file in found.items() if file is not None)
    return {name: file for name, file in single if file.is_relative_to(root)}


def _read(file: Path) -> str | None:
    try:
        return read_text(file, _LARGEST_COMPANION)
    except Unreadable:
        return None
