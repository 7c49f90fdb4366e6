"""Writes a model's config.json into the project, with the entry of the settings that names it: then nobody
who checks the project needs a network.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from vramlint.files import Unreadable, read_text
from vramlint.project.settings import SettingsResolver, read_settings
from vramlint.project.settings_models import CONFIG, config_pin_text

FOLDER = ".vramlint/models"
"""Below the folder of the settings."""
_LARGEST = 1 << 20


class Added(NamedTuple):
    """Where a model's config.json was written, and the settings that name it; `new`: the entry is new."""

    file: Path
    settings: Path
    new: bool


class NotAdded(Exception):
    """Why nothing was written; the message is for people."""


def settings_file(path: str | None = None) -> Path:
    """The settings that hold for a file, or the current folder; a new vramlint.toml there where none do."""
    source = SettingsResolver().for_file(path).source
    if source is not None:
        return Path(source)
    folder = Path(path).resolve().parent if path else Path.cwd()
    return folder / "vramlint.toml"


def add(name: str, config: str, settings: Path) -> Added:
    """Write the text of a config.json, and its entry where the settings have none for the model."""
    relative = f"{FOLDER}/{name.replace('/', '--')}.json"
    file = settings.parent / relative
    if not file.resolve().is_relative_to(settings.parent.resolve()):
        raise NotAdded(f"{relative} leads out of the project")
    known = read_settings(str(settings)).models if settings.exists() else {}
    entry = next((pin for pinned, pin in known.items() if pinned.lower() == name.lower()), None)
    if entry is not None and entry.get(CONFIG) != relative:
        raise NotAdded(f"{settings.name} says already what {name} is")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(config if config.endswith("\n") else config + "\n", encoding="utf-8")
        if entry is None:
            text = read_text(settings, _LARGEST) if settings.exists() else ""
            pin = config_pin_text(name, relative, in_pyproject=settings.name == "pyproject.toml")
            settings.write_text((text.rstrip("\n") + "\n" + pin).lstrip("\n"), encoding="utf-8")
    except (OSError, Unreadable) as error:
        raise NotAdded(f"{relative} cannot be written: {error}") from None
    return Added(file, settings, entry is None)
