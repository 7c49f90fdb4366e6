"""Optimizers have one row; memory, dialects, advice and hovers read it."""

from __future__ import annotations

import pytest
from dialect_reading import job_of

from vramlint.advice.remedies import moves
from vramlint.catalog import optimizers
from vramlint.catalog.optimizers import OPTIMIZERS, Optimizer, class_of, name_of_class
from vramlint.dialects.engines import training_arguments
from vramlint.memory import Estimate, estimate_job

SFT = "model_name_or_path: Qwen/Qwen3-0.6B\ndataset_name: data\n"


@pytest.mark.parametrize("name", [name for name, row in OPTIMIZERS.items() if row.smaller])
def test_the_smaller_twin_has_the_same_states_in_eight_bits(name: str) -> None:
    row = OPTIMIZERS[name]
    smaller = OPTIMIZERS[row.smaller or ""]
    assert (smaller.bits, smaller.buffers, smaller.paged) == (8, row.buffers, row.paged)
    assert smaller.compact
    assert not row.compact


@pytest.mark.parametrize("name", training_arguments.OPTIMIZERS)
def test_every_choice_of_the_trainer_has_a_row(name: str) -> None:
    assert name in OPTIMIZERS


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("torch.optim.AdamW", "adamw_torch"),
        ("AdamW", "adamw_torch"),
        ("bitsandbytes.optim.AdamW8bit", "adamw_8bit"),
        ("torchao.optim.AdamW8bit", "adamw_torch_8bit"),
        ("torchao.prototype.low_bit_optim.AdamW8bit", "adamw_torch_8bit"),
        ("bitsandbytes.optim.PagedAdamW", "paged_adamw_32bit"),
        ("torch.optim.Adagrad", "adagrad"),
        ("my.package.Sophia", "sophia"),
    ],
)
def test_a_class_is_found_by_its_package_and_name(written: str, name: str) -> None:
    assert name_of_class(written) == name


def test_the_class_to_write_reads_as_an_optimizer_of_the_same_states() -> None:
    named = {name: written for name in OPTIMIZERS if (written := class_of(name))}
    assert len(named) > 8
    for name, written in named.items():
        again, row = OPTIMIZERS[name_of_class(written)], OPTIMIZERS[name]
        assert (again.states, again.bits, again.buffers) == (row.states, row.bits, row.buffers)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> str:
    """An optimizer of one float32 buffer that steps in backward."""
    row = Optimizer(buffers=1, bits=32, steps_in_backward=True, smaller="lion_8bit", classes=("toys.Toy",))
    monkeypatch.setattr(optimizers, "OPTIMIZERS", {**OPTIMIZERS, "toy": row})
    return "toy"


def test_one_row_adds_an_optimizer_everywhere(toy: str) -> None:
    job = job_of(SFT + f"optim: {toy}\n")
    assert job.optimizer_in_backward
    estimate = estimate_job(job)
    assert isinstance(estimate, Estimate)
    assert estimate.component_sizes["optimizer_states"] >= 4 * job.model.parameters
    assert "optimizer lion_8bit" in [move.title for move in moves(job)]
    assert name_of_class("toys.Toy") == toy
