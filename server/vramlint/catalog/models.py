"""Model names → facts: hub ids and their re-uploads, local folders, the local hub cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vramlint.catalog.config_json import (
    cached_config,
    hub_cache_folder,
    is_adapter,
    local_config,
    model_from_config,
    read_json,
)
from vramlint.catalog.facts import BY_PATH, LinearModule, Model
from vramlint.catalog.nearest import nearest, words_in
from vramlint.catalog.reuploads import downloaded_names, original_names, without_suffix
from vramlint.catalog.table import FOLDER, Table
from vramlint.lazy_dataclasses import replace

if TYPE_CHECKING:
    from vramlint.catalog.kin import Said

    _Index = dict[Said, list[tuple[Mapping[str, Any], str, str]]]
ENOUGH = 4
"""Models that show how shapes of one size differ."""
ALIKE = 1.15
"""How far the count of a model "of that size" may be: a "7 B" has 6.7 to 8.0 B parameters."""


class Models:
    """The catalog of models. Looks names up without network; everything is read on first use and kept.

    `hub_cache` is the folder of huggingface_hub's downloads, by default the one its environment variables
    say; `within` are the folders outside which no local name leads, None for no such bound.
    """

    def __init__(
        self, table: Path | None = None, hub_cache: Path | None = None, within: Sequence[str] | None = None
    ) -> None:
        self._within = within
        self._table = Table(table or FOLDER / "models.jsonl")
        self._hub_cache = hub_cache
        self._catalogued: dict[str, Model | None] = {}
        self._families: dict[str, _Index] = {}
        self._files: dict[Path, tuple[tuple[int, int], Model | None]] = {}
        self._sized: dict[int, tuple[Model, ...]] = {}

    def model(self, name: str, folder: str | None = None) -> Model | None:
        """Facts of the model `name`: a local folder or file, a hub id of the catalog or the hub cache, or
        what the name says of family, version and size.

        As with `from_pretrained`, a local folder of that name comes first. Relative paths start at `folder`.
        """
        name = name.strip()
        local = local_config(name, folder, self._within)
        if local is not None:
            return self._from_file(local, name, "config.json")
        found = self.catalogued(name)
        if found is not None:
            by_path = found.source.startswith(BY_PATH)
            return None if by_path and is_adapter(name, folder, self._within) else found
        cached = cached_config(name, self._hub_cache or hub_cache_folder())
        if cached is not None:
            return self._from_file(cached, name, "hub cache")
        return self._kin(name)

    def from_config(self, config: Mapping[str, Any], name: str = "config") -> Model | None:
        """Facts of a model written out in a file: config.json's own keys, or `{parameters: N}`."""
        found = model_from_config(config, name)
        if found is None or found.config or found.parameters is None:
            return found
        return replace(found, alike=self.of_size(found.parameters))

    def of_size(self, parameters: int) -> tuple[Model, ...]:
        """Decoders with about so many parameters that the makers of their families released; of anybody
        where those released none.
        """
        if parameters not in self._sized:
            from vramlint.catalog.kin import has_makers_id

            found = [
                record
                for record in self._table
                if record["kind"] == "decoder"
                and record.get("linear")
                and parameters / ALIKE <= record["parameters"] <= parameters * ALIKE
            ]
            released = [record for record in found if has_makers_id(record["ids"])]
            kept = released if len(released) >= ENOUGH else found
            self._sized[parameters] = tuple(_model(record, record["ids"][0]) for record in kept)
        return self._sized[parameters]

    def catalogued(self, name: str) -> Model | None:
        """Facts of a hub id, from the shipped table alone: listed ids, their re-uploads and downloads."""
        key = name.lower()
        if key not in self._catalogued:
            self._catalogued[key] = self._listed(name) or self._reupload(name) or self._download(name)
        return self._catalogued[key]

    def nearest(self, name: str, n: int = 3) -> list[str]:
        """The hub ids spelled most like `name`, closest first."""
        return nearest(name, self._names, n)

    def search(self, query: str) -> list[Model]:
        """Models whose ids or title hold every word of `query`, in the table's order."""
        words = query.lower().split()
        return [
            _model(record, record["ids"][0])
            for record in self._table
            if words_in(words, [record.get("title", ""), *_ids(record)])
        ]

    @cached_property
    def _names(self) -> list[str]:
        return [name for record in self._table for name in _ids(record)]

    def _listed(self, name: str) -> Model | None:
        folded = name.lower()
        for record in self._table.mentioning(name):
            for listed in record["ids"]:
                if listed.lower() == folded:
                    return _model(record, listed)
            for scheme, ids in record.get("quantized", {}).items():
                for listed in ids:
                    if listed.lower() == folded:
                        return replace(_model(record, listed), quantized_as=scheme)
        return None

    def _reupload(self, name: str) -> Model | None:
        """The model that a name is a copy of, unless models of different size share that repository name."""
        copies = [
            (original, found)
            for original in original_names(name, lambda: self._names)
            if (found := self._listed(original.name)) is not None
        ]
        if len({found.parameters for _, found in copies}) != 1:
            return None
        original, found = copies[0]
        scheme = original.quantized_as or found.quantized_as
        return replace(
            found,
            name=name,
            quantized_as=scheme,
            dtype=original.dtype or found.dtype,
            source=f"catalog ({'quantized ' if scheme else ''}re-upload of {found.name})",
        )

    def _download(self, name: str) -> Model | None:
        """The model that a path names at its end, unless models of different size share that name."""
        candidates = map(self._listed, downloaded_names(name, lambda: self._names))
        copies = [found for found in candidates if found is not None]
        if len({found.parameters for found in copies}) != 1:
            return None
        return replace(copies[0], name=name, source=f"{BY_PATH} {copies[0].name})")

    def _kin(self, name: str) -> Model | None:
        """The listed model of the family, version and size that a name says, unless those that say the same
        differ.
        """
        from vramlint.catalog.kin import WITHIN, said  # imported late: most names are listed

        told = said(name)
        found = [] if told is None else self._makers(told.family).get(told._replace(active=""), [])
        totals = {record["parameters"] for record, _, _ in found}
        if told is None or not found or max(totals) > (1 + WITHIN) * min(totals):
            return None
        if told.active and told.active not in {active for _, _, active in found}:
            return None
        record, listed, _ = found[0]
        _, scheme, dtype = without_suffix(name)
        return replace(
            _model(record, listed),
            name=name,
            quantized_as=scheme,
            dtype=dtype or record["dtype"],
            source=f"the name says {told}: taken for {listed}",
            spread=WITHIN + max(totals) / min(totals) - 1,
        )

    def _makers(self, family: str) -> _Index:
        """What the ids of a family's makers say, with their records, ids, and active parameters."""
        from vramlint.catalog.kin import accounts, makers_ids

        if family not in self._families:
            index: _Index = {}
            self._families[family] = index
            for record in self._table.beginning(*(f"{account}/" for account in accounts(family))):
                for told, listed in makers_ids(family, record["ids"]):
                    index.setdefault(told._replace(active=""), []).append((record, listed, told.active))
        return self._families[family]

    def _from_file(self, path: Path, name: str, source: str) -> Model | None:
        try:
            stat = path.stat()
        except OSError:
            return None
        stamp = (stat.st_mtime_ns, stat.st_size)
        kept = self._files.get(path)
        if kept is None or kept[0] != stamp:
            config = read_json(path)
            kept = (stamp, None if config is None else model_from_config(config, name, source))
            self._files[path] = kept
        return None if kept[1] is None else replace(kept[1], name=name, source=source)


def _ids(record: Mapping[str, Any]) -> list[str]:
    return [*record["ids"], *(name for ids in record.get("quantized", {}).values() for name in ids)]


def _model(record: Mapping[str, Any], name: str) -> Model:
    return Model(
        name=name,
        model_type=record["type"],
        config={
            **({"architectures": [record["class"]]} if record["class"] else {}),
            "model_type": record["type"],
            **record.get("config", {}),
        },
        parameters=record["parameters"],
        breakdown=record.get("breakdown", {}),
        linear_modules=tuple(_linear_module(*row) for row in record.get("linear", ())),
        dtype=record["dtype"],
        kind=record["kind"],
        title=record["title"],
    )


def _linear_module(
    name: str, in_features: int, out_features: int, count: int, bias: int = 0, part: str = "main"
) -> LinearModule:
    return LinearModule(name, in_features, out_features, count, bool(bias), part)
