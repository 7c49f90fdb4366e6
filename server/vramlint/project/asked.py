"""A workspace that remembers what it was asked about a file.

What is found in a config depends on its text and on the answers to these questions alone. So another file of
the same text, around which the answers are the same, need not be read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Catalog, Companion
from vramlint.document.place import Snippet
from vramlint.lazy_dataclasses import dataclass, field, replace
from vramlint.project.launchers import Launcher
from vramlint.project.overrides import Overrides
from vramlint.project.paths import folder_of
from vramlint.project.surroundings import Surroundings
from vramlint.project.workspace import Workspace


@dataclass(slots=True)
class Questions:
    """What was asked about the file at `path`, with the answers."""

    path: str | None
    around: Surroundings
    missing: set[str] = field(default_factory=set)
    """Names of companions that are not there."""
    scripts: set[str] = field(default_factory=set)
    """Names of scripts that are not there."""
    modules: set[tuple[str, str | None]] = field(default_factory=set)
    """Modules that are not there, and the programs that they were looked for from."""
    models: dict[str, Model | None] = field(default_factory=dict)
    launchers: list[Launcher | None] = field(default_factory=list)
    of_its_own: bool = False
    """Whether an answer is about this very file: another that it names is there."""
    asking: Surroundings | None = None
    """What is around the file, so that each question is kept."""

    def open(self, around: Surroundings, name: str) -> Companion | None:
        """A companion, asked for."""
        found = around.open(name)
        self.of_its_own |= found is not None or name in around.faults
        self.missing.add(name)
        return found

    def script(self, around: Surroundings, name: str) -> Snippet | None:
        """A script, asked for."""
        found = around.script(name)
        self.of_its_own |= found is not None
        self.scripts.add(name)
        return found

    def module(self, around: Surroundings, name: str, program: str | None) -> Snippet | None:
        """A module of the project, asked for."""
        found = around.module(name, program)
        self.of_its_own |= found is not None
        self.modules.add((name, program))
        return found

    def launcher(self, around: Surroundings) -> Launcher | None:
        """The launcher, asked for."""
        found = around.launcher()
        if found not in self.launchers:
            self.launchers.append(found)
        return found

    def model(self, catalog: Catalog, name: str, folder: str | None) -> Model | None:
        """A model, asked for."""
        found = catalog.model(name, folder)
        self.of_its_own |= self.path is None or folder not in (None, folder_of(self.path))
        if folder is not None:
            self.models[name] = found
        return found

    def same_for(self, path: str, workspace: Workspace, overrides: Overrides) -> bool:
        """Whether all of it would be answered in the same way for the file at `path`."""
        ours, theirs = self.around, workspace.surroundings(path, overrides)
        return (
            not self.of_its_own
            and (theirs.settings, theirs.settings_file) == (ours.settings, ours.settings_file)
            and theirs.catalog is ours.catalog
            and theirs.versions == ours.versions
            and all(theirs.launcher() == launcher for launcher in self.launchers)
            and all(theirs.catalog.model(name, folder_of(path)) == each for name, each in self.models.items())
            and all(theirs.script(name) is None for name in self.scripts)
            and all(theirs.module(*asked) is None for asked in self.modules)
            and all(theirs.open(name) is None for name in self.missing)
            and not theirs.faults
        )


class AskedWorkspace(Workspace):
    """A workspace that keeps the questions about the file that is being analysed."""

    questions: Questions | None = None
    """Of the file that is analysed next, where None."""

    def surroundings(self, path: str | None, overrides: Overrides) -> Surroundings:
        """The same, and each question is kept. While fixes of a file are tried, what is around it is looked
        for once.
        """
        asked = self.questions
        if asked is not None and asked.path == path and asked.asking is not None:
            return asked.asking
        around = super().surroundings(path, overrides)
        if asked is None:
            asked = self.questions = Questions(path, around)
        asking = replace(
            around,
            open=partial(asked.open, around),
            script=partial(asked.script, around),
            module=partial(asked.module, around),
            launcher=partial(asked.launcher, around),
            catalog=_AskedCatalog(around.catalog, asked),
        )
        if asked.path == path:
            asked.asking = asking
        return asking


class _AskedCatalog:
    """A catalog whose models depend on the folder where a name starts."""

    def __init__(self, catalog: Catalog, asked: Questions) -> None:
        self._catalog = catalog
        self.nearest = catalog.nearest
        self._model = cache(partial(asked.model, catalog))

    def model(self, name: str, folder: str | None = None) -> Model | None:
        """As of the catalog."""
        return self._model(name, folder)

    def from_config(self, config: Mapping[str, Any], name: str = "config") -> Model | None:
        """As of the catalog."""
        return self._catalog.from_config(config, name)
