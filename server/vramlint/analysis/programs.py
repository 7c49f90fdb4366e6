"""Every run that a Python script or a notebook describes, read and estimated."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.analysis.describe import Described, describe
from vramlint.analysis.run_fields import Field
from vramlint.dialects.kit.run import Unknown
from vramlint.dialects.launching.lines import Script
from vramlint.dialects.scripting.script import ScriptRun, runs_in_program
from vramlint.document import Document
from vramlint.lazy_dataclasses import replace
from vramlint.project.overrides import Overrides
from vramlint.project.surroundings import Surroundings


def program_runs(document: Document, around: Surroundings, overrides: Overrides) -> tuple[Described, ...]:
    """The runs of a script or a notebook, in its order."""
    found = runs_in_program(document.text, document.language)
    return tuple(_described(found, document, around, overrides))


def _described(
    found: tuple[ScriptRun, ...], document: Document, around: Surroundings, overrides: Overrides
) -> Iterator[Described]:
    for each in found:
        run = each.run
        described = describe(run, Script((run,), each.files), None, "", document, around, overrides)
        if described is None:
            continue
        if not each.run.rooms and each.run.trainer is None and not each.stated:
            yield described  # a launch line
            continue
        fields = dict(described.fields)
        for name, given in each.stated.items():
            if given.value is None:
                fields.pop(name, None)
            else:
                fields[name] = Field(given.value, given.place)
        named = {item: _named(item, described) for item in described.open}
        unknown = tuple(dict.fromkeys(named.values()))
        opened = {item.field for item in unknown} - each.stated.keys()
        fields = {name: field for name, field in fields.items() if name not in opened}
        deciding = next((item for item, name in named.items() if name.field in _DECIDING), described.deciding)
        estimate = None if deciding else described.estimate
        yield replace(described, fields=fields, open=unknown, estimate=estimate, deciding=deciding)


def _named(item: Unknown, described: Described) -> Unknown:
    """An open value by the field that it decides, where it is one that all runs have."""
    dialect = described.subject.dialect
    row = next((row for row in dialect.keys if row.path == item.field), None) if dialect else None
    name = _FIELDS.get(row.field or "", item.field) if row is not None else item.field
    return replace(item, field=name)


_FIELDS = {
    "model": "model",
    "method": "adapter",
    "adapter.r": "lora_r",
    "adapter.targets": "lora_targets",
    "micro_batch_size": "micro_batch",
    "gradient_accumulation_steps": "grad_accum",
    "sequence_length": "seq_len",
    "packing": "packing",
    "optimizer": "optimizer",
    "gradient_checkpointing": "grad_ckpt",
    "quantization.scheme": "quant",
    "precision.weights": "weights_dtype",
    "precision.autocast": "precision",
    "parallel.strategy": "engine",
}
_DECIDING = frozenset((*_FIELDS.values(), "entry", "config", "ranks", "estimate"))
"""Fields without which there is no estimate."""
