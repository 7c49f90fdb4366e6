"""The adapters of other estimators: what they refuse, and the arithmetic that is restated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from llama import LLAMA_8B
from measured import Case, available, cases, is_made_from_this
from peers import NotAttempted
from peers.cookbook import PEER as COOKBOOK
from peers.table import PEERS

ANSWERS = Path(__file__).resolve().parents[2] / "benchmarks" / "data" / "peers.json"
same_data = pytest.mark.skipif(
    not available() or not is_made_from_this(ANSWERS.name),
    reason="the answers were kept for other measured cases than those beside the checkout",
)


def case(method: str = "full", **changes: Any) -> Case:
    job = {
        "model": LLAMA_8B,
        "precision": {"weights": "bfloat16", "autocast": "none"},
        "optimizer": "adamw_torch",
        "micro_batch_size": 1,
        "sequence_length": 2048,
        "gradient_checkpointing": "full",
        "attention": "sdpa",
        **changes,
    }
    total = "peak_allocated_bytes"
    return Case("x", "truth", "truth", method, "one GPU", "llama", job, 8_030_261_248, 1, total, {})


def test_the_cookbook_by_hand() -> None:
    """2 bytes of weights, 2 of gradients, 12 for the optimizer, 34·s·b·h of activations a layer."""
    hidden, layers, tokens = 4096, 32, 2048
    outside = 2 * 128256 * hidden + tokens * hidden + 8 * hidden * layers + 2 * hidden
    parameters = outside + 2.5 * layers * hidden**2 + 3 * layers * hidden * 14336
    assert COOKBOOK.estimate(case()) == pytest.approx(16 * parameters + 34 * tokens * hidden * layers)


def test_the_cookbook_shares_out_by_zero_stage() -> None:
    parallel = {"strategy": "zero2", "data": 8}
    alone, shared = COOKBOOK.estimate(case()), COOKBOOK.estimate(case(parallel=parallel))
    assert shared < alone
    assert COOKBOOK.estimate(case(parallel={"strategy": "zero3", "data": 8})) < shared + 2e9


@pytest.mark.parametrize(
    "unsaid",
    [case("lora"), case(optimizer="adafactor"), case(parallel={"strategy": "fsdp2", "offload": "both"})],
    ids=["adapter", "optimizer", "offload"],
)
def test_what_the_cookbook_cannot_be_told_is_not_attempted(unsaid: Case) -> None:
    with pytest.raises(NotAttempted):
        COOKBOOK.estimate(unsaid)


def test_every_adapter_says_what_its_estimator_can_be_told() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    assert all(peer.version and peer.inputs and peer.how in ("called", "restated") for peer in PEERS)


@pytest.mark.shared
@same_data
def test_every_estimator_has_an_answer_or_a_reason_for_every_run() -> None:
    kept = json.loads(ANSWERS.read_text(encoding="utf-8"))["bytes_or_reason"]
    ids = {case.id for case in cases()}
    for peer in PEERS:
        assert set(kept[peer.name]) == ids, peer.name
        assert all(isinstance(value, (int, str)) for value in kept[peer.name].values())


@pytest.mark.shared
@same_data
def test_the_kept_answers_are_those_of_the_adapter() -> None:
    kept = json.loads(ANSWERS.read_text(encoding="utf-8"))["bytes_or_reason"][COOKBOOK.name]
    for each in cases():
        if isinstance(kept[each.id], int):
            assert int(COOKBOOK.estimate(each)) == kept[each.id]
