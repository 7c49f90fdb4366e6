"""Suggestions, limits and marginals, tried on the real memory model."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from properties import examples

from vramlint.advice import apply, largest_micro_batch, largest_sequence, marginal, suggest
from vramlint.advice.remedies import moves
from vramlint.catalog.facts import GIB
from vramlint.catalog.models import Models
from vramlint.job import Adapter, Quantization, TrainingJob
from vramlint.memory import estimate_job

MISTRAL = Models().model("mistralai/Mistral-7B-v0.1")
SMOL = Models().model("HuggingFaceTB/SmolLM2-360M")
assert MISTRAL is not None
assert SMOL is not None
LARGE = TrainingJob(MISTRAL, micro_batch_size=4, sequence_length=4096)
SMALL = TrainingJob(SMOL, micro_batch_size=8, sequence_length=2048)

JOBS = st.builds(
    TrainingJob,
    st.sampled_from([MISTRAL, SMOL]),
    micro_batch_size=st.sampled_from([1, 2, 3, 8]),
    sequence_length=st.sampled_from([512, 2048, 8192]),
    optimizer=st.sampled_from(["adamw_torch", "sgd", "paged_adamw_32bit"]),
    gradient_checkpointing=st.sampled_from(["none", "full"]),
    attention=st.sampled_from(["sdpa", "eager"]),
)


class TestApply:
    def test_dotted_names(self) -> None:
        job = apply(LARGE, {"precision.weights": "float32", "parallel.strategy": "zero3"})
        assert (job.precision.weights, job.parallel.strategy) == ("float32", "zero3")
        assert LARGE.precision.weights == "bfloat16"

    def test_a_method_brings_what_it_needs(self) -> None:
        qlora = apply(LARGE, {"method": "qlora"})
        assert isinstance(qlora.adapter, Adapter)
        assert isinstance(qlora.quantization, Quantization)
        assert apply(qlora, {"method": "full"}) == LARGE

    def test_an_adapter_that_is_there_is_kept(self) -> None:
        lora = replace(LARGE, method="lora", adapter=Adapter(r=64))
        assert apply(lora, {"method": "qlora"}).adapter == Adapter(r=64)


class TestSuggest:
    def test_what_fits_alone_comes_before_pairs(self) -> None:
        found = list(suggest(SMALL, 16 * GIB))
        sizes = [
            len({name for name in advice.changes if name != "gradient_accumulation_steps"})
            for advice in found
        ]
        assert sizes == sorted(sizes)
        assert found[0].changes == {"gradient_checkpointing": "full"}
        assert found[0].safe

    def test_no_advice_contains_another(self) -> None:
        changes = [set(advice.changes.items()) for advice in suggest(LARGE, int(23.5 * GIB))]
        assert changes
        assert not any(a < b for a in changes for b in changes)

    def test_nothing_helps_a_card_that_is_far_too_small(self) -> None:
        assert list(suggest(LARGE, GIB)) == []

    def test_only_what_the_file_can_say(self) -> None:
        found = list(suggest(LARGE, int(23.5 * GIB), lambda changes: "method" not in changes))
        assert not any("method" in advice.changes for advice in found)

    def test_one_gpu_is_never_told_to_shard(self) -> None:
        assert not any(move.group == "sharding" for move in moves(LARGE))
        assert any(move.group == "sharding" for move in moves(replace(LARGE, gpu_count=8)))

    def test_a_kernel_that_computes_the_same_is_safe(self) -> None:
        found = {move.title: move.safe for move in moves(replace(LARGE, attention="eager"))}
        assert found["use SDPA attention"]
        assert not found["LoRA"]

    def test_sequences_are_halved(self) -> None:
        found = [move.changes["sequence_length"] for move in moves(LARGE) if move.group == "sequence"]
        assert found == [2048, 1024, 512]

    def test_accumulation_keeps_the_batch(self) -> None:
        found = moves(replace(LARGE, micro_batch_size=6, gradient_accumulation_steps=2))
        smaller = [move.changes for move in found if move.group == "micro batch"]
        assert smaller
        for changes in smaller:
            assert changes["micro_batch_size"] * changes["gradient_accumulation_steps"] == 12

    @example(LARGE, 23)
    @examples(30)
    @given(JOBS, st.integers(2, 80))
    def test_every_advice_fits_and_says_what_it_needs(self, job: TrainingJob, gib: int) -> None:
        found = list(suggest(job, gib * GIB))
        assert found or (job, gib) != (LARGE, 23)
        for advice in found:
            estimate = estimate_job(apply(job, advice.changes))
            assert estimate.verdict(gib * GIB) == "fits"
            assert estimate.device_bytes == advice.estimate.device_bytes


class TestLimits:
    @examples(20)
    @given(JOBS, st.integers(2, 80))
    def test_the_largest_fits_and_one_more_does_not(self, job: TrainingJob, gib: int) -> None:
        capacity = gib * GIB
        batch = largest_micro_batch(job, capacity)
        if batch is None:
            assert estimate_job(replace(job, micro_batch_size=1)).verdict(capacity) != "fits"
        else:
            assert estimate_job(replace(job, micro_batch_size=batch)).verdict(capacity) == "fits"
            assert estimate_job(replace(job, micro_batch_size=batch + 1)).verdict(capacity) != "fits"

    def test_sequences_come_in_steps(self) -> None:
        tokens = largest_sequence(SMALL, 24 * GIB)
        assert tokens is not None
        assert tokens % 128 == 0
        assert estimate_job(replace(SMALL, sequence_length=tokens)).verdict(24 * GIB) == "fits"
        assert estimate_job(replace(SMALL, sequence_length=tokens + 128)).verdict(24 * GIB) != "fits"
        assert largest_sequence(LARGE, GIB) is None

    @pytest.mark.parametrize(("value", "more"), [(9, True), (7, False)])
    def test_marginal(self, value: int, more: bool) -> None:
        change = marginal(SMALL, "micro_batch_size", value)
        assert change is not None
        assert (change > 0) is more
