"""Settings of a project: `[tool.vramlint]` in pyproject.toml, or vramlint.toml; the nearest file wins."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from vramlint.catalog.amounts import memory_bytes
from vramlint.files import Unreadable, read_text
from vramlint.lazy_dataclasses import dataclass, field, fields, replace
from vramlint.project.glob import is_pattern, matches
from vramlint.project.selection import Selection, specificity
from vramlint.project.severity import SEVERITIES, Severity
from vramlint.versions import refusal

Level: TypeAlias = Literal["error", "warning", "information", "hint", "off"]
LEVELS: tuple[str, ...] = get_args(Level)


@dataclass(frozen=True, slots=True)
class PathSettings:
    """Settings of the files whose path, relative to the settings file, matches `pattern`."""

    pattern: str
    gpu: str | None = None
    ram: int | None = None
    dialect: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project has decided. Names are those of the TOML keys, with `_` for `-`."""

    gpu: str | None = None
    """A declaration as after `--gpu`, or "auto": the GPU of this machine."""
    ram: int | None = None
    """Host memory of a node, bytes."""
    dialect: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    select: tuple[str, ...] = ()
    """Only these rules (codes, code prefixes, names); all where empty."""
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    extend_ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Rules that are off in the files of a pattern."""
    exclude: tuple[str, ...] = ()
    """Files and folders that no search enters, as in a .gitignore."""
    respect_gitignore: bool = True
    severity: Mapping[str, Level] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    """Distributions with further rule packs."""
    companions_outside_workspace: bool = False
    versions_from: str | None = None
    """"lock": releases that neither comment nor settings name are those of the project's lock file."""
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Facts of models that the catalog does not have, by name (see `pinned`)."""
    hub: bool = False
    """Ask the hub for models that are known nowhere else (needs the extra `hub`)."""
    per_path: tuple[PathSettings, ...] = ()
    source: str | None = None
    """The file they came from."""
    problems: tuple[str, ...] = ()
    flags: Selection = field(default_factory=Selection)
    """What the command line selects, over all above."""
    ignored_here: tuple[str, ...] = ()
    """Rules that are off in this very file, whatever is selected."""

    def for_path(self, path: str | None) -> Settings:
        """These settings with the sections of `per-path` that match the file, in the order written."""
        if path is None or self.source is None or not (self.per_path or self.per_file_ignores):
            return self
        folder, file = Path(self.source).resolve().parent, Path(path).resolve()
        if not file.is_relative_to(folder):
            return self
        relative = file.relative_to(folder).as_posix()
        settings = self
        for section in self.per_path:
            if matches(section.pattern, relative):
                settings = replace(
                    settings,
                    gpu=section.gpu or settings.gpu,
                    ram=section.ram or settings.ram,
                    dialect=section.dialect or settings.dialect,
                    versions={**settings.versions, **section.versions},
                    ignored_here=settings.ignored_here + section.ignore,
                )
        here = (
            entry
            for pattern, entries in self.per_file_ignores.items()
            if matches(pattern, relative)
            for entry in entries
        )
        return replace(settings, ignored_here=(*settings.ignored_here, *here))

    def names(self, code: str, name: str) -> bool:
        """Whether the settings ask for the rule, by its code, a prefix of it, or its name."""
        severe = (entry for entry, level in self.severity.items() if level != "off")
        file, flags = (*self.select, *self.extend_select), (*self.flags.select, *self.flags.extend_select)
        return specificity((*file, *flags, *severe), code, name) >= 0

    def level(self, code: str, name: str, severity: Severity) -> Severity | None:
        """The severity of a finding after these settings; None where the rule is off."""
        if specificity(self.ignored_here, code, name) >= 0:
            return None
        file = Selection(self.select, self.ignore + self.extend_ignore, self.extend_select)
        if not self.flags.decide(code, name, file.decide(code, name, True)):
            return None
        matching = [entry for entry in self.severity if specificity((entry,), code, name) >= 0]
        if matching:
            level = self.severity[max(matching, key=lambda entry: specificity((entry,), code, name))]
            return None if level == "off" else level
        return severity

    @property
    def selectors(self) -> Mapping[str, tuple[str, ...]]:
        """All selectors of rules, by the setting that holds them."""
        sections = {f"per-path.{each.pattern}.ignore": each.ignore for each in self.per_path}
        files = {f"per-file-ignores.{pattern}": entries for pattern, entries in self.per_file_ignores.items()}
        return {
            "select": self.select,
            "extend-select": self.extend_select,
            "ignore": self.ignore,
            "extend-ignore": self.extend_ignore,
            "severity": tuple(self.severity),
            **sections,
            **files,
        }


REACHING = ("hub", "companions_outside_workspace", "rules")
"""Settings by which a project has the network asked, files outside of it read, or packs of rules imported."""


def without_trust(settings: Settings) -> Settings:
    """The settings of a project that is not trusted, without those; each that was written is said."""
    nothing = Settings()
    written = [name for name in REACHING if getattr(settings, name) != getattr(nothing, name)]
    if not written:
        return settings
    said = tuple(
        f"`{name.replace('_', '-')}` is not followed: this workspace is not trusted" for name in written
    )
    plain = {name: getattr(nothing, name) for name in written}
    return replace(settings, **plain, problems=settings.problems + said)


_LARGEST = 1 << 20
_MENTIONED = re.compile(r"^\s*\[+\s*tool\s*(\]|\..*\bvramlint\b)|^\s*tool\s*[.=]", re.MULTILINE)
"""What a pyproject.toml that has `[tool.vramlint]` has a line with; others are not parsed."""


SETTINGS_FILES = ("vramlint.toml", "pyproject.toml")
"""Where settings are, the stronger first."""


class SettingsResolver:
    """Finds the settings of a file. Remembers what it read until told to forget."""

    def __init__(self, config: str | None = None, isolated: bool = False) -> None:
        """`config`: the one file that holds everywhere; `isolated`: none does."""
        self._known: dict[Path, Settings | None] = {}
        self._config, self._isolated = config, isolated
        self._everywhere: Settings | None = None

    def for_file(self, path: str | None) -> Settings:
        """The settings that hold for the file at `path` (for the current folder where None)."""
        if self._isolated:
            return Settings()
        if self._config is not None:
            if self._everywhere is None:
                self._everywhere = read_settings(self._config)
            return self._everywhere.for_path(path)
        folder = Path(path).resolve().parent if path else Path.cwd()
        return (self._nearest(folder) or Settings()).for_path(path)

    def forget(self) -> None:
        """Read settings files again at the next question."""
        self._known.clear()
        self._everywhere = None

    def _nearest(self, folder: Path) -> Settings | None:
        if folder not in self._known:
            found = read_folder(folder)
            if found is None and folder.parent != folder:
                found = self._nearest(folder.parent)
            self._known[folder] = found
        return self._known[folder]


def read_settings(path: str) -> Settings:
    """The settings of a file that was named; what is wrong with it among its problems."""
    try:
        text = read_text(path, _LARGEST)
    except Unreadable as error:
        return Settings(source=path, problems=(f"cannot be read: {error}",))
    found = parse_settings(text, path)
    return found or Settings(source=path, problems=("there is no table [tool.vramlint] in it",))


def read_folder(folder: Path) -> Settings | None:
    """The settings that the folder itself holds; vramlint.toml before pyproject.toml."""
    for name in SETTINGS_FILES:
        file = folder / name
        try:
            text = read_text(file, _LARGEST)
        except Unreadable as error:
            if _is_none_of_ours(file, error):
                continue
            return Settings(source=str(file), problems=(f"{name} cannot be read: {error}",))
        if name == "pyproject.toml" and not _MENTIONED.search(text):
            continue
        settings = parse_settings(text, str(file))
        if settings is not None:
            return settings
    return None


def _is_none_of_ours(file: Path, error: Unreadable) -> bool:
    """Whether a file that cannot be read holds no settings: there is none, nor a link to a lost one; or it is
    a folder or device by the name of every Python project's file.
    """
    if error.reason == "missing":
        return not file.is_symlink()
    return file.name == "pyproject.toml" and error.reason in ("not-regular", "too-large")


def settings_of_text(text: str, path: str | None) -> Settings | None:
    """The settings that a document holds which is itself a settings file; None for any other."""
    name = Path(path).name if path else ""
    if (
        path is None
        or name not in SETTINGS_FILES
        or (name == "pyproject.toml" and not _MENTIONED.search(text))
    ):
        return None
    settings = parse_settings(text, path)
    if settings is None or settings.gpu is None or settings.gpu.strip().lower() == "auto":
        return settings
    return replace(settings, problems=settings.problems + _of_gpu(settings.gpu))


def _of_gpu(text: str) -> tuple[str, ...]:
    from vramlint.catalog.gpu_spec import parse_declaration  # imported late: only editors of settings need it
    from vramlint.catalog.gpus import nearest_gpus

    declared = parse_declaration(text)
    if declared.gpu is not None:
        return ()
    near = ", ".join(nearest_gpus(declared.name, 3) or nearest_gpus(text, 3))
    return (f"`gpu` is {text!r}, which is not a known GPU" + (f"; nearest: {near}" if near else ""),)


def parse_settings(text: str, source: str) -> Settings | None:
    """Settings of one file's text; None for a pyproject.toml without `[tool.vramlint]`."""
    if sys.version_info >= (3, 11):
        import tomllib  # imported late: most runs have no settings file
    else:
        import tomli as tomllib

    try:
        table: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Settings(source=source, problems=(f"cannot be read as TOML: {error}",))
    if Path(source).name == "pyproject.toml":
        tool = table.get("tool", {})
        table = tool.get("vramlint") if isinstance(tool, dict) else None
        if table is None:
            return None
    if not isinstance(table, dict):
        return Settings(source=source, problems=("`tool.vramlint` is not a table",))
    return _settings(table, source)


_NOT_WRITTEN = ("source", "problems", "flags", "ignored_here")


def _settings(table: dict[str, Any], source: str) -> Settings:
    problems: list[str] = []
    values: dict[str, Any] = {}
    known = {f.name.replace("_", "-"): f.name for f in fields(Settings) if f.name not in _NOT_WRITTEN}
    for key, value in table.items():
        name = known.get(key)
        if name is None:
            problems.append(_unknown(key, known))
        elif name == "per_path":
            values[name] = _per_path(value, problems)
        elif (read := _value(key, name, value, problems)) is not None:
            values[name] = read
    return Settings(**values, source=source, problems=tuple(problems))


def _per_path(value: Any, problems: list[str]) -> tuple[PathSettings, ...]:
    if not isinstance(value, dict):
        problems.append(
            '`per-path` is not a table of sections like [tool.vramlint.per-path."configs/a100/**"]'
        )
        return ()
    sections = []
    known = ("gpu", "ram", "dialect", "versions", "ignore")
    for pattern, section in value.items():
        where = f"per-path.{pattern}"
        if not isinstance(section, dict):
            problems.append(f"`{where}` is not a table")
            continue
        read: dict[str, Any] = {}
        for key, entry in section.items():
            if key not in known:
                problems.append(_unknown(key, known, where))
            elif (entry_read := _value(f"{where}.{key}", key, entry, problems)) is not None:
                read[key] = entry_read
        sections.append(PathSettings(pattern, **read))
    return tuple(sections)


def _value(key: str, name: str, value: Any, problems: list[str]) -> Any:
    """The value in the type of the setting, or None with a problem noted."""
    if name in ("gpu", "dialect"):
        if isinstance(value, str):
            return value
        problems.append(f"`{key}` is {value!r}, a string is expected")
    elif name == "ram":
        if (size := memory_bytes(value)) is not None:
            return size
        problems.append(f'`{key}` is {value!r}, an amount of memory is expected, like "512GiB"')
    elif name == "versions_from":
        if value == "lock":
            return value
        problems.append(f'`{key}` is {value!r}, only "lock" is known')
    elif name == "models":
        if isinstance(value, dict) and all(isinstance(entry, dict) and entry for entry in value.values()):
            return value
        problems.append(
            f'`{key}` is not tables like [tool.vramlint.models."org/name"] with config.json\'s keys'
        )
    elif name == "per_file_ignores":
        if isinstance(value, dict) and all(map(_is_texts, value.values())):
            return {pattern: tuple(entries) for pattern, entries in value.items()}
        problems.append(f'`{key}` is not a table of lists, like "old/**" = ["VL101"]')
    elif name in ("select", "ignore", "extend_select", "extend_ignore", "exclude", "rules"):
        if _is_texts(value):
            if name == "exclude":
                problems += [f"`{key}`: {each!r} is not a pattern" for each in value if not is_pattern(each)]
            return tuple(value)
        problems.append(f'`{key}` is {value!r}, a list of strings is expected, like ["VL101"]')
    elif name == "versions":
        if isinstance(value, dict) and all(isinstance(entry, str) for entry in value.values()):
            return usable_versions(key, value, problems)
        problems.append(f'`{key}` is not a table of strings, like axolotl = "0.18"')
    elif name == "severity":
        if isinstance(value, dict) and all(entry in LEVELS for entry in value.values()):
            return dict(value)
        problems.append(f"`{key}` is not a table of rule = {' | '.join((*SEVERITIES, 'off'))}")
    elif isinstance(value, bool):
        return value
    else:
        problems.append(f"`{key}` is {value!r}, true or false is expected")
    return None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def usable_versions(key: str, declared: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """The declared versions that are versions of a known library, by its name in lower case; a problem noted
    for each other.
    """
    from vramlint.project.lock_files import unknown_library  # imported late: few settings name versions

    usable = {}
    for library, version in declared.items():
        name = f"`{key}.{library}`"
        refused = unknown_library(library, name) or refusal(name, version)
        if refused is None:
            usable[library.lower()] = version
        else:
            problems.append(refused)
    return usable


def _unknown(key: str, known: Any, where: str = "") -> str:
    from difflib import get_close_matches  # imported late: only settings with a mistake need it

    close = get_close_matches(key, list(known), 1)
    hint = f": did you mean `{close[0]}`?" if close else f"; known are {', '.join(known)}"
    return f"`{where + '.' if where else ''}{key}` is not a setting{hint}"
