"""The rows of a batch and their length, where a script loads and tokenizes its data itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from vramlint.dialects.kit.run import Given, Unknown
from vramlint.dialects.own_script.names import BATCHES
from vramlint.dialects.own_script.names import LENGTHS as NAMED_LENGTHS
from vramlint.dialects.scripting.given import given
from vramlint.dialects.trl.read import LENGTHS
from vramlint.document.place import Place
from vramlint.document.python.evaluate import Evaluation
from vramlint.document.python.values import Known, Made, Value
from vramlint.lazy_dataclasses import replace

_MORE_BATCHES = ("per_device_train_batch_size", "per_device_batch_size", "batch_size_training")
_MORE_LENGTHS = ("max_len", "maxlen", "ctx_len", "context_len", "context_size", "block_size")


def batch_of(reading: Evaluation, place: Place) -> Given:
    """The batch of the loader that is trained on: the one that shuffles, or what all of them say."""
    loaders = [each for each in reading.made if each.kind.endswith("DataLoader")]
    shuffled = [each for each in loaders if _shuffles(each)]
    found = [_size(each) for each in (shuffled or loaders)]
    named = agreed(reading, (*BATCHES, *_MORE_BATCHES)) if not found else None
    if named is not None:
        return named
    if len({each.value for each in found}) == 1:
        return found[0]
    why = "loaders of data disagree" if found else "no loader of data says it"
    return Given(None, found[0].place if found else place, "literal", place, why)


def counted(found: Given) -> Given:
    """A value that several places may say alike, open where it is a collection."""
    return replace(found, value=None, why="is no number") if isinstance(found.value, (list, dict)) else found


def _shuffles(loader: Made) -> bool:
    value = loader.argument("shuffle", 2)
    return "sampler" in loader.keywords or (isinstance(value, Known) and bool(value.value))


def _size(loader: Made) -> Given:
    value = loader.argument("batch_size", 1)
    if value is not None:
        return counted(given(value, loader.place, loader.words.get("batch_size")))
    if loader.missing or "batch_sampler" in loader.keywords:
        return Given(
            None, loader.place, "literal", loader.place, loader.missing or "a sampler makes the batches"
        )
    return Given(1, loader.place, "implied")  # torch/utils/data/dataloader.py of torch 2.13


def length_of(reading: Evaluation) -> Given | None:
    """The length to which rows are cut: by the tokenizer's call, else by what the script names it."""
    found = tokenized(reading.made) or asked_length(reading.made)
    if found is not None:
        return found
    return agreed(reading, (*NAMED_LENGTHS, *_MORE_LENGTHS))


def agreed(reading: Evaluation, names: Sequence[str]) -> Given | None:
    """The number that a script keeps under one of these names, where it keeps one."""
    found = list(_named(reading, names))
    return found[0] if len({each.value for each in found}) == 1 else None


_SETTINGS = re.compile(r"(?:config|args|arguments|namespace|params|cfg)\Z", re.IGNORECASE)
"""Objects that hold the settings of a script, by the end of their class's name."""


def _named(reading: Evaluation, names: Sequence[str]) -> Iterator[Given]:
    """Whole numbers under these names, in capitals or not: at the top, and among settings."""
    tables: list[tuple[Mapping[str, Value], Place | None]] = [(reading.top.names, None)]
    tables += [
        (each.keywords, each.place)
        for each in reading.made
        if each.defined is not None or _SETTINGS.search(each.kind)
    ]
    for table, place in tables:
        for name, value in table.items():
            if name.lower() in names and isinstance(value, Known) and type(value.value) is int:
                yield given(value, place or value.place)


def undecided(made: Sequence[Made], place: Place) -> Unknown:
    """Why the length of the rows is open."""
    values = [length.value for each in made if (length := _cut(each)) is not None]
    cut = sorted({value for value in values if isinstance(value, int)})
    if len(cut) > 1:
        return Unknown("seq_len", f"rows are cut to {' and to '.join(map(str, cut))} tokens", place)
    return Unknown("seq_len", OF_DATA, place)


OF_DATA = "decided by the data set"
"""Why a length is open that nothing in a script cuts to."""


def tokenized(made: Sequence[Made]) -> Given | None:
    """The length to which a script's own tokenizing cuts, where all its calls agree."""
    found = [length for each in made if (length := _cut(each)) is not None]
    values = {each.value for each in found}
    return found[0] if len(values) == 1 and None not in values else None


def asked_length(made: Sequence[Made]) -> Given | None:
    """The length among the arguments that the script declares for its command line, by its name."""
    found = [
        counted(given(each.keywords[name], each.place, each.words.get(name)))
        for each in made
        if each.kind == "Namespace" or each.defined is not None
        for name in LENGTHS
        if name in each.keywords
    ]
    values = {each.value for each in found}
    return found[0] if len(values) == 1 and all(isinstance(value, int) for value in values) else None


def _cut(made: Made) -> Given | None:
    if not made.name.endswith("from_pretrained.__call__"):
        return None
    truncation, length = made.argument("truncation"), made.argument("max_length")
    cuts = isinstance(truncation, Known) and truncation.value not in (False, None)
    return counted(given(length, made.place)) if cuts and length is not None else None
