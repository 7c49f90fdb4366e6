"""The estimates against all measured runs: bounds that they keep to, and a page that says what they are.

Only with the very data that the page was made from: tests/test_accuracy_slice.py holds what ships anywhere.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from accuracy_bands import held_unseen
from accuracy_figures import Summary, grouped, quantile, summary
from accuracy_page import page
from measured import COMPONENTS, available, cases, is_made_from_this
from ours import Answer, answers, of_dialect

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not available(), reason="no measured cases beside the checkout"),
    pytest.mark.skipif(
        available() and not is_made_from_this("accuracy.json"),
        reason="the page was made from other measured cases than those beside the checkout",
    ),
]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"


@pytest.fixture(scope="module")
def found() -> list[Answer]:
    return answers(cases())


def counted(found: list[Answer]) -> list[Answer]:
    return [answer for answer in found if answer.case.data == "truth"]


def published(found: list[Answer]) -> list[Answer]:
    return [a for a in of_dialect(found, "job") if a.case.data == "published" and not a.case.ran_out]


def summed(items: list[Answer]) -> Summary:
    result = summary(answer.error for answer in items)
    assert result is not None
    return result


def test_every_run_has_an_estimate(found: list[Answer]) -> None:
    assert [answer.case.id for answer in found if answer.estimate is None] == []


def test_counted_steps(found: list[Answer]) -> None:
    errors = [abs(answer.error or 0) for answer in counted(found)]
    assert summed(counted(found)).median <= 0.004
    assert quantile(errors, 0.95) <= 0.025


def test_no_family_is_counted_worse_than_the_others(found: list[Answer]) -> None:
    for family, items in grouped(counted(found), lambda answer: answer.case.family).items():
        assert summed(items).median <= 0.01, family


def test_the_phase_of_the_peak(found: list[Answer]) -> None:
    right = [answer.phase_right for answer in counted(found)]
    assert sum(map(bool, right)) / len(right) >= 0.95


@pytest.mark.parametrize("component", COMPONENTS)
def test_components_at_the_peak(found: list[Answer], component: str) -> None:
    errors = [answer.component_errors.get(component) for answer in counted(found)]
    result = summary(error for error in errors if error is not None)
    assert result is not None
    assert result.median <= (0.001 if component in ("weights", "optimizer_states") else 0.03)


def test_published_runs(found: list[Answer]) -> None:
    items = published(found)
    assert summed(items).median <= 0.07
    assert summed(items).within10 >= 0.65


def test_published_sources_count_alike(found: list[Answer]) -> None:
    medians = [summed(group).median for group in grouped(published(found), lambda a: a.case.source).values()]
    assert sum(medians) / len(medians) <= 0.09


def test_runs_that_went_out_of_memory_are_above_their_card(found: list[Answer]) -> None:
    for answer in found:
        if answer.case.ran_out:
            assert answer.said["device_bytes"] > answer.said["gpu"]["usable_bytes"], answer.case.id


def test_the_band_holds_nine_of_ten_and_is_narrow(found: list[Answer]) -> None:
    inside = [answer.inside for answer in found if answer.inside is not None]
    widths = [answer.band for answer in found if answer.band is not None]
    assert sum(inside) / len(inside) >= 0.9
    assert quantile(widths, 0.5) <= 0.08


def test_the_band_holds_for_a_source_that_was_left_out(found: list[Answer]) -> None:
    unseen = held_unseen([answer for answer in published(found) if answer.estimate and answer.case.measured])
    assert sum(held for _, held, _ in unseen.values()) / sum(runs for runs, *_ in unseen.values()) >= 0.88


def test_the_page_is_that_of_a_late_run(found: list[Answer]) -> None:
    """Headline figures within half a point; `python benchmarks/accuracy.py` writes the page anew."""
    kept = {"peers": {}, "bytes_or_reason": {}}
    now, then = headline(page(found, kept)), headline(PAGE.read_text(encoding="utf-8"))
    assert now.keys() == then.keys()
    for name, figures in now.items():
        assert then[name] == pytest.approx(figures, abs=0.5), name


def headline(text: str) -> dict[str, list[float]]:
    """The percentages of the first table, by row."""
    lines = [
        line for line in text.partition("\n## ")[0].splitlines() if line.startswith("| ") and "%" in line
    ]
    return {
        line.split("|")[1].strip(): [float(number) for number in re.findall(r"([\d.]+) %", line)]
        for line in lines[1:]
    }
