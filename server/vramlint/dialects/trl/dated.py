"""The release that a run was written for, by the names it uses that newer ones do not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vramlint.catalog.releases import newest_beside
from vramlint.dialects.kit.dialect import Context
from vramlint.dialects.trl.keys import LAST_KNOWN
from vramlint.versions import release
from vramlint_schemas import removed_in

_LOADING: Mapping[str, str] = {"use_flash_attention_2": "transformers 4.52"}
"""Arguments of `from_pretrained` that are gone (modeling_utils.py of transformers 4.52 and 4.53)."""


class Dated(NamedTuple):
    """A name that tells a release: of which library, and the last one that knew it."""

    name: str
    library: str
    last: str
    beside: str = ""
    """The release of transformers that knew the name last, where it tells one of TRL."""


def dated(values: Mapping[str, Any], context: Context, *, plain: bool) -> Dated | None:
    """What tells the oldest release of TRL, or of transformers where TRL does not run (`plain`).

    A recipe may hold a name that TRL drops silently, so that only one which decides memory counts there. A
    call in a script is refused with any name that its class does not know.
    """
    called = context.trainer is not None and context.trainer.called
    found = _of_call(values, plain=plain) if called else () if plain else _of_recipe(values)
    return min(found, key=lambda each: release(each.last) or (), default=None)


def _of_recipe(values: Mapping[str, Any]) -> Iterator[Dated]:
    for name, last in LAST_KNOWN.items():
        if values.get(name) is not None:
            yield Dated(name, "trl", last)


def _of_call(values: Mapping[str, Any], *, plain: bool) -> Iterator[Dated]:
    for name, value in values.items():
        library, _, last = (_LOADING.get(name) or removed_in("trl", name) or "").rpartition(" ")
        if value is None or not last:
            continue
        if library == "transformers":
            yield Dated(name, library, last) if plain else _beside(name, last)
        elif not plain:
            yield Dated(name, "trl", LAST_KNOWN.get(name, last))


def _beside(name: str, last: str) -> Dated:
    """The release of TRL in whose time a release of transformers was the newest."""
    return Dated(name, "trl", newest_beside("trl", "transformers", last), last)
