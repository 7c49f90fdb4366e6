"""Suggestions and limits, tried on the real memory model."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from properties import examples

from vramlint.advice.advise import suggest, together
from vramlint.advice.changes import apply
from vramlint.advice.limits import largest_micro_batch, largest_sequence
from vramlint.advice.move import HARMS, Move
from vramlint.advice.remedies import moves, ways
from vramlint.catalog.facts import GIB
from vramlint.catalog.gpus import find_gpu
from vramlint.catalog.models import Models
from vramlint.job import Adapter, Parallel, Quantization, TrainingJob
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


def price(moves: Iterable[Move]) -> tuple[float, ...]:
    """The worst harm first."""
    return tuple(sum(move.cost for move in moves if move.harm == harm) for harm in reversed(HARMS))


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
    def test_what_trains_the_same_comes_first(self) -> None:
        found = list(suggest(SMALL, 16 * GIB))
        worst = [max(HARMS.index(move.harm) for move in advice.moves) for advice in found]
        assert worst == sorted(worst)
        assert worst[0] == 0 < worst[-1]
        assert found[0].changes == {"gradient_checkpointing": "full"}

    def test_no_advice_contains_another(self) -> None:
        changes = [set(advice.changes.items()) for advice in suggest(LARGE, int(23.5 * GIB))]
        assert changes
        assert not any(a < b for a in changes for b in changes)

    def test_nothing_helps_a_card_that_is_far_too_small(self) -> None:
        assert list(suggest(LARGE, GIB)) == []

    def test_only_what_the_file_can_say(self) -> None:
        found = list(suggest(LARGE, int(44 * GIB), lambda changes: "method" not in changes))
        assert found
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

    @pytest.mark.parametrize(("name", "nodes"), [("Llama-3.1-70B", 8), ("Llama-3.1-405B", 64)])
    def test_large_runs_are_offered_checkpointing_and_sharding(self, name: str, nodes: int) -> None:
        model, gpu = Models().model(f"meta-llama/{name}"), find_gpu("H100-80GB")
        assert model is not None
        assert gpu is not None
        parallel = Parallel("ddp", data=8 * nodes)
        job = TrainingJob(
            model, sequence_length=8192, parallel=parallel, gpu=gpu, gpu_count=8, nodes=nodes, packing=True
        )
        first = next(suggest(job, gpu.usable_bytes))
        assert first.changes == {"gradient_checkpointing": "full", "parallel.strategy": "zero3"}
        assert first.safe
        assert round(first.compute_percent) == 33
        assert first.traffic == ("weights are gathered in forward and backward: half as much traffic again",)

    def test_two_moves_of_one_factor_multiply(self) -> None:
        job = replace(
            LARGE,
            runtime="megatron",
            parallel=Parallel("zero1", data=8),
            gpu_count=8,
            gradient_accumulation_steps=2,
        )
        offered = {move.title: move for move in moves(job)}
        chosen = [
            offered["micro batch 1 with 8 accumulation steps"],
            offered["tensor parallelism over 4 GPUs"],
            offered["context parallelism over 2 GPUs"],
        ]
        changes = together(job, chosen)
        assert changes is not None
        assert (changes["micro_batch_size"], changes["gradient_accumulation_steps"]) == (1, 64)
        assert (changes["parallel.data"], changes["parallel.tensor"], changes["parallel.context"]) == (
            1,
            4,
            2,
        )

    def test_the_host_is_used_where_somebody_says_how_large_it_is(self) -> None:
        job = replace(LARGE, parallel=Parallel("zero3", data=2), gpu_count=2)
        assert not any(move.group == "offload" for move in moves(job))
        sizes = {}
        for gib in (4, 512):
            found = list(suggest(replace(job, ram=gib * GIB), 16 * GIB))
            sizes[gib] = sum("parallel.offload" in advice.changes for advice in found)
        assert sizes[4] == 0 < sizes[512]

    def test_recomputation_costs_an_adapter_more(self) -> None:
        lora = replace(LARGE, method="lora", adapter=Adapter(r=16))
        costs = [
            next(
                advice.compute_percent
                for advice in suggest(job, gib * GIB)
                if "gradient_checkpointing" in advice.changes
            )
            for job, gib in ((LARGE, 64), (lora, 30))
        ]
        assert [round(cost) for cost in costs] == [33, 50]

    @example(LARGE, 23)
    @examples(12)
    @given(JOBS, st.integers(2, 80))
    def test_the_first_is_the_cheapest_of_all(self, job: TrainingJob, gib: int) -> None:
        if estimate_job(job).rough.verdict(gib * GIB) == "fits":
            return
        offered = [(None, *way) for way in ways(job)]
        fitting = []
        for chosen in product(*offered):
            changes = together(job, taken := [move for move in chosen if move is not None])
            if changes is None or estimate_job(apply(job, changes)).rough.verdict(gib * GIB) != "fits":
                continue
            fitting.append(price(taken))
        first = next(suggest(job, gib * GIB), None)
        assert (first is not None) == bool(fitting)
        assert first is None or price(first.moves) == pytest.approx(min(fitting))

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
