"""The calls of a script that take the arguments which it does not write yet, for fixes that add one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vramlint.dialects.scripting.classes import BITS, LOADING, LORA
from vramlint.dialects.scripting.facts import MODEL
from vramlint.dialects.scripting.given import Facts
from vramlint.dialects.scripting.unsloth import KEYS
from vramlint.document.place import Place, Room
from vramlint.document.python.values import Made, Value

OF_MODEL = frozenset((MODEL, "use_peft", *(row.key for row in (*BITS.values(), *LOADING.values()))))
"""Keys that no call of the training arguments takes."""
OF_ADAPTER: Mapping[str, str] = {row.key: name for name, row in LORA.items()}


def rooms(arguments: Facts, config: Value | None, calls: list[Made]) -> dict[str, Room]:
    """The rooms of a run by the keys of a recipe: TrainingArguments for all keys but those of model and
    adapter. `calls` are those of the script.
    """
    found: dict[str, Room] = {}
    if isinstance(config, Made) and not config.missing:
        found[""] = Room(config.place, "", config.last)
        # A name with a dot is no argument: these keys are written nowhere.
        found |= {key: Room(config.place, ".", config.last) for key in (*OF_MODEL, *OF_ADAPTER)}
    adapter = arguments.get("use_peft")
    made = _at(adapter.place, calls) if adapter is not None and adapter.value else None
    if made is not None:
        found |= {key: Room(made.place, name, made.last) for key, name in OF_ADAPTER.items()}
    return found


def unsloth_rooms(found: Mapping[str, Room], loaded: Place, calls: list[Made]) -> dict[str, Room]:
    """The same by the keys of Unsloth's own config, in which every key is listed."""
    result = dict(_renamed(found))
    made = _at(loaded, calls)
    if made is not None:
        result[KEYS["length"]] = Room(made.place, "max_seq_length", made.last)
    return result


def _renamed(found: Mapping[str, Room]) -> Iterator[tuple[str, Room]]:
    for name, key in KEYS.items():
        room = found.get(name) or found.get("")
        if room is not None:
            yield key, room if room.name else room._replace(name=name)


def _at(place: Place, calls: list[Made]) -> Made | None:
    """The call at a place."""
    return next((each for each in calls if each.place == place), None)
