"""A field of a job has one row; the job file, its schema, hovers, rules and advice read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args, get_origin

import pytest

from vramlint.advice.remedies import moves
from vramlint.catalog.facts import Model
from vramlint.dialects import load_all
from vramlint.dialects.job_file.keys import KEYS
from vramlint.job import TrainingJob
from vramlint.job_fields import FIELDS, blamed_for, counts, is_smallest, moves_of
from vramlint.job_fields.types import alternatives, choices, default
from vramlint.lazy_dataclasses import fields, replace
from vramlint.vocabulary import Component, Method

JOB = TrainingJob(model=Model("a", {}))
NOT_WRITTEN = {"origins"}
"""What a job knows of itself."""


def leaves(group: str = "") -> Iterator[str]:
    """Every field below a group, by its dotted name."""
    holder = TrainingJob if not group else next(e for e in alternatives(group) if hasattr(e, "__fields__"))
    for each in fields(holder):
        path = f"{group}.{each.name}".strip(".")
        groups = [e for e in alternatives(path) if hasattr(e, "__fields__") and path.count(".") < 2]
        if groups and path not in ("model", "gpu") and not path.startswith("roles."):
            yield from leaves(path)
        elif path not in NOT_WRITTEN:
            yield path


def test_every_field_has_a_row() -> None:
    found = set(leaves())
    assert len(found) > 70
    assert found == {path for path, row in FIELDS.items() if row.effect or path == "gpu_count"}


def test_every_row_with_an_effect_is_a_key_of_a_job_file() -> None:
    assert [key.path for key in KEYS] == ["vramlint", *(path for path, row in FIELDS.items() if row.effect)]


def test_every_dialect_names_fields_that_have_a_row() -> None:
    named = {key.field for dialect in load_all() for key in dialect.keys if key.field}
    assert named <= FIELDS.keys()


def test_words_and_defaults_are_those_of_the_type() -> None:
    assert choices("method") == get_args(Method)
    assert choices("parallel.buckets.reduce") == choices("roles.critic") == choices("optimizer") == ()
    assert choices("loss")[0] == "full-logits"
    assert default("parallel.buckets.prefetch", None) == 5e7
    assert default("model", None) is None
    written = [key.path for key in KEYS if key.choices]
    assert len(written) > 20
    for path in written[1:]:
        assert default(path, None) in choices(path), path
        assert any(get_origin(each) is Literal for each in alternatives(path)), path


def test_a_field_without_a_word_of_its_own_has_its_groups() -> None:
    assert moves_of("precision.weights").component == "weights"
    assert moves_of("precision.autocast").component == "activations"
    assert moves_of("parallel.buckets.live").steps == "double"
    assert counts(JOB, "micro_batch_size")
    assert not counts(JOB, "parallel.buckets.live")
    assert not counts(JOB, "nodes")


@pytest.mark.parametrize("component", get_args(Component))
def test_every_component_has_fields_to_blame(component: Component) -> None:
    blamed = blamed_for(component)
    assert blamed
    places = [FIELDS[path].blame[component] for path in blamed]
    assert places == sorted(set(places))


def test_what_is_smallest_is_neither_blamed_nor_advised() -> None:
    eager = replace(JOB, attention="eager")
    assert not is_smallest(eager, "attention")
    assert "use SDPA attention" in [move.title for move in moves(eager)]
    assert is_smallest(JOB, "attention")
    assert "use SDPA attention" not in [move.title for move in moves(JOB)]
