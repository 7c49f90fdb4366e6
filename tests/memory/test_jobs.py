"""Whole jobs: the textbook, sharding, objectives, versions, what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from llama import LLAMA_1B

from vramlint.catalog.facts import GIB, Gpu, Model
from vramlint.job import Adapter, Generation, Parallel, Precision, Quantization, TrainingJob
from vramlint.memory import COMPONENTS, CannotEstimate, estimate_job
from vramlint.memory.versions import LogitsCopies, logits_copies, version_of

LLAMA = TrainingJob(
    Model("llama-ish", "llama", {**LLAMA_1B, "tie_word_embeddings": False}),
    precision=Precision(weights="bfloat16", autocast="bfloat16"),
    gradient_checkpointing="full",
    micro_batch_size=2,
)


def peak(job: TrainingJob) -> int:
    return estimate_job(job).peak_allocated_bytes


@pytest.mark.parametrize(
    ("parameters", "gigabytes"), [(7_000_000_000, 84), (1_500_000_000, 18), (1_000_000_000, 12)]
)
def test_the_textbook_sum_is_exact(parameters: int, gigabytes: int) -> None:
    job = TrainingJob(
        Model("textbook", "", parameters=parameters),
        optimizer="adamw",
        precision=Precision(weights="bfloat16", optimizer_states="float32"),
    )
    estimate = estimate_job(job)
    assert estimate.peak_allocated_bytes == gigabytes * 10**9
    assert estimate.components["weights"] == estimate.components["gradients"] == 2 * parameters
    assert estimate.components["optimizer_states"] == 8 * parameters
    assert not estimate.modelled


def test_components_add_up() -> None:
    for job in (LLAMA, replace(LLAMA, objective="dpo"), replace(LLAMA, parallel=Parallel("zero3", 8))):
        estimate = estimate_job(job)
        assert sum(estimate.components.values()) == estimate.device_bytes
        assert set(estimate.components) == set(COMPONENTS)
        assert estimate.peak_allocated_bytes == estimate.device_bytes - estimate.components["overhead"]
        assert max(estimate.phase_peaks.values()) == estimate.peak_allocated_bytes


def test_eager_scores_grow_with_the_square_of_the_sequence() -> None:
    job = replace(LLAMA, attention="eager", gradient_checkpointing="none", micro_batch_size=1)
    scores = []
    for length in (1024, 2048):
        found = estimate_job(replace(job, sequence_length=length), tensors=40).tensors
        scores.append([tensor.bytes for tensor in found if tensor.shape == (1, 32, length, length)])
    assert scores[0]
    assert scores[1] == [4 * size for size in scores[0]]


def test_full_sharding_divides_the_states() -> None:
    job = replace(
        LLAMA, precision=Precision(weights="float32"), parallel=Parallel("fsdp2", 8, param_dtype="bfloat16")
    )
    whole, part = estimate_job(replace(job, parallel=Parallel())), estimate_job(job)
    for name in ("weights", "optimizer_states"):
        assert part.component_sizes[name] == pytest.approx(whole.component_sizes[name] / 8, rel=1e-3)


def test_zero_one_shares_states_only_and_zero_three_everything() -> None:
    precision = Precision(weights="bfloat16", master_weights="float32", optimizer_states="float32")
    sizes = {
        strategy: estimate_job(
            replace(LLAMA, precision=precision, parallel=Parallel(strategy, 4))
        ).component_sizes
        for strategy in ("none", "zero1", "zero2", "zero3")
    }
    states = sizes["none"]["optimizer_states"]
    assert sizes["zero1"]["optimizer_states"] == pytest.approx(states / 4, rel=1e-3)
    assert sizes["zero1"]["weights"] == sizes["zero2"]["weights"] == sizes["none"]["weights"]
    assert sizes["zero3"]["weights"] == pytest.approx(sizes["none"]["weights"] / 4, rel=1e-2)
    assert sizes["zero2"]["gradients"] == pytest.approx(sizes["none"]["gradients"] / 4, rel=1e-3)


def test_ddp_holds_a_second_set_of_gradients() -> None:
    gradients = estimate_job(LLAMA).component_sizes["gradients"]
    assert peak(replace(LLAMA, parallel=Parallel("ddp", 8))) == peak(LLAMA) + gradients


def test_accumulation_keeps_the_gradients_through_forward() -> None:
    once, often = estimate_job(LLAMA), estimate_job(replace(LLAMA, gradient_accumulation_steps=4))
    assert often.phase_peaks["forward"] == once.phase_peaks["forward"] + once.component_sizes["gradients"]


def test_tensor_and_pipeline_ranks_share_the_weights_but_not_the_count() -> None:
    whole = estimate_job(LLAMA)
    for parallel in (Parallel(tensor=4), Parallel(pipeline=4), Parallel(tensor=2, pipeline=2, sequence=True)):
        part = estimate_job(replace(LLAMA, parallel=parallel))
        assert part.parameters == whole.parameters
        assert part.component_sizes["weights"] < 0.55 * whole.component_sizes["weights"]


@pytest.mark.parametrize(("objective", "beside"), [("dpo", True), ("grpo", False), ("ppo", False)])
def test_a_reference_scores_beside_the_graph_or_before_the_step(objective: str, beside: bool) -> None:
    """Completions are scored when they are made (trl 0.17, _generate_and_score_completions)."""
    job = replace(LLAMA, objective=objective, loss="full-logits", generation=Generation("in-process"))
    alone, both = (estimate_job(replace(job, reference_model=it)) for it in ("none", "own"))
    rows = 2 * job.micro_batch_size if objective == "dpo" else job.micro_batch_size
    more = both.phase_peaks["forward"] - alone.phase_peaks["forward"] - 2 * both.parameters
    assert (more > rows * job.sequence_length * 128256) is beside


def test_a_reference_model_stays_only_where_all_weights_are_trained() -> None:
    dpo = replace(LLAMA, objective="dpo")
    lora = replace(dpo, method="lora", adapter=Adapter(targets=("q_proj",)))
    weights = estimate_job(LLAMA).components["weights"]
    assert estimate_job(dpo).components["weights"] == pytest.approx(2 * weights, rel=1e-6)
    assert estimate_job(lora).components["weights"] == pytest.approx(weights, rel=0.01)


def test_a_generation_engine_beside_the_trainer_takes_its_share_of_the_card() -> None:
    card = Gpu("card", 80 * GIB, 79 * GIB)
    job = replace(
        LLAMA, objective="grpo", gpu=card, generation=Generation(colocated=True, memory_fraction=0.3)
    )
    alone = replace(job, generation=Generation(colocated=False))
    assert estimate_job(job).device_bytes - estimate_job(alone).device_bytes == int(0.3 * 80 * GIB)


def test_paged_states_are_told_and_not_counted() -> None:
    estimate = estimate_job(replace(LLAMA, optimizer="paged_adamw_8bit"))
    assert estimate.components["optimizer_states"] < 0.01 * estimate.component_sizes["optimizer_states"]
    assert any("unified memory" in note for note in estimate.notes)


def test_four_bits_store_a_quarter() -> None:
    base = replace(LLAMA, method="lora", adapter=Adapter(targets=("q_proj",)))
    quantized = replace(base, method="qlora", quantization=Quantization())
    linear = 16 * (2048 * 2048 * 2 + 2048 * 512 * 2 + 3 * 2048 * 8192)
    saved = estimate_job(base).components["weights"] - estimate_job(quantized).components["weights"]
    assert saved == pytest.approx(linear * (2 - 0.5159), rel=0.01)


def test_the_optimizer_frees_gradients_in_backward() -> None:
    estimate = estimate_job(replace(LLAMA, optimizer_in_backward=True))
    assert estimate.component_sizes["gradients"] == 0
    assert estimate.phase_peaks["optimizer"] < estimate_job(LLAMA).phase_peaks["optimizer"]


def test_copies_of_the_logits_follow_the_version() -> None:
    def copies(version: str, model_type: str = "llama") -> LogitsCopies:
        model = replace(LLAMA.model, model_type=model_type)
        return logits_copies(replace(LLAMA, model=model, versions={"transformers": version}))

    assert copies("5.23").shifted is False
    assert copies("4.48.1").shifted
    assert copies("4.45.2").upcast == "model"
    assert copies("4.48.1", "gpt2").upcast == ""
    own = logits_copies(replace(LLAMA, runtime="torchtune", versions={"torch": "2.5"}))
    assert own == LogitsCopies("model", shifted=False)
    assert version_of("transformers", replace(LLAMA, versions={"torch": "2.1.0"})) == "4.35"
    assert version_of("transformers", LLAMA) is None
    plain = replace(LLAMA, precision=Precision(weights="bfloat16"), micro_batch_size=8)
    with_copy = replace(plain, versions={"transformers": "4.48.1"})
    assert estimate_job(with_copy).phase_peaks["forward"] > estimate_job(plain).phase_peaks["forward"]


def test_what_is_not_known_is_said() -> None:
    with pytest.raises(CannotEstimate) as unknown:
        estimate_job(replace(LLAMA, optimizer="adam-of-tomorrow"))
    assert unknown.value.field == "optimizer"
    with pytest.raises(CannotEstimate):
        estimate_job(replace(LLAMA, model=Model("?", "no-such-architecture", {})))
    assert any("teacher" in note for note in estimate_job(replace(LLAMA, objective="distillation")).notes)


def test_the_band_is_wider_where_less_is_known() -> None:
    plain = estimate_job(LLAMA).error_band
    assert estimate_job(replace(LLAMA, compile=True)).error_band > plain
    assert estimate_job(replace(LLAMA, parallel=Parallel("fsdp2", 8))).error_band > plain
    assert estimate_job(replace(LLAMA, loop="freed")).error_band > plain
    on_host = replace(LLAMA, parallel=Parallel("fsdp2", 8, offload="both"))
    sharded = estimate_job(replace(LLAMA, parallel=Parallel("fsdp2", 8))).error_band
    assert estimate_job(on_host).error_band > sharded + 0.3
