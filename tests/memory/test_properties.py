"""What holds for every job: more work never needs less memory, and the parts always add up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from properties import examples

from vramlint.catalog.facts import Model
from vramlint.job import Adapter, Parallel, Precision, Quantization, TrainingJob
from vramlint.memory import COMPONENTS, CannotEstimate, estimate_job

BASE: dict[str, Any] = {
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "vocab_size": 8192,
    "head_dim": 64,
}
LATENT: dict[str, Any] = {
    "num_key_value_heads": 8,
    "head_dim": None,
    "q_lora_rank": 128,
    "kv_lora_rank": 64,
    "qk_nope_head_dim": 64,
    "qk_rope_head_dim": 32,
    "v_head_dim": 64,
}
EXPERTS: dict[str, Any] = {
    "num_experts": 8,
    "num_local_experts": 8,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 256,
    "n_shared_experts": 1,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "gemma2": {"sliding_window": 256},
    "mistral": {"sliding_window": 512},
    "gpt_neox": {},
    "mixtral": EXPERTS,
    "qwen2_moe": {**EXPERTS, "shared_expert_intermediate_size": 512},
    "gpt_oss": {**EXPERTS, "sliding_window": 128},
    "deepseek_v3": {**EXPERTS, **LATENT, "first_k_dense_replace": 1},
    "afmoe": EXPERTS,
    "qwen3_next": {**EXPERTS, "shared_expert_intermediate_size": 256, "linear_num_key_heads": 4}
    | {"linear_num_value_heads": 8, "linear_key_head_dim": 64, "linear_value_head_dim": 64},
    "granitemoehybrid": {**EXPERTS, "mamba_n_heads": 16, "mamba_d_state": 32, "mamba_chunk_size": 64}
    | {"layer_types": ["mamba", "attention"] * 8},
    "deepseek_v32": {**EXPERTS, **LATENT, "index_n_heads": 4, "index_head_dim": 64},
}
ATTENTION_TARGETS = ("q_proj", "v_proj", "q_b_proj", "query_key_value")
MLP_TARGETS = ("down_proj", "dense_4h_to_h", "o_proj", "w2")
OPTIMIZERS = (
    "adamw_torch",
    "adamw_torch_fused",
    "adamw_8bit",
    "paged_adamw_8bit",
    "adafactor",
    "sgd",
    "lion_8bit",
)


def model(family: str, **changes: Any) -> Model:
    """A small model of a family."""
    return Model("small", family, {**BASE, **FAMILIES[family], **changes})


@st.composite
def jobs(draw: st.DrawFn) -> TrainingJob:
    """Runs of small models, in every method the model knows."""
    method = draw(
        st.sampled_from(
            ("full", "lora", "qlora", "dora", "ia3", "vera", "loha", "lokr", "layernorm", "freeze")
        )
    )
    adapter = None
    if method in ("lora", "qlora", "dora", "ia3", "vera", "loha", "lokr"):
        adapter = Adapter(
            r=draw(st.sampled_from((4, 8, 64))),
            dropout=draw(st.sampled_from((0.0, 0.1))),
            targets=draw(st.sampled_from(("all-linear", ATTENTION_TARGETS, MLP_TARGETS))),
            modules_to_save=draw(st.sampled_from(((), ("embed_tokens", "lm_head")))),
            fused_kernels=draw(st.booleans()),
        )
    return TrainingJob(
        model=model(draw(st.sampled_from(sorted(FAMILIES)))),
        method=method,
        adapter=adapter,
        quantization=Quantization() if method == "qlora" else None,
        trainable_layers=2 if method == "freeze" else None,
        precision=Precision(
            weights=draw(st.sampled_from(("bfloat16", "float32"))),
            autocast=draw(st.sampled_from(("none", "bfloat16"))),
        ),
        optimizer=draw(st.sampled_from(OPTIMIZERS)),
        micro_batch_size=draw(st.integers(1, 4)),
        gradient_accumulation_steps=draw(st.sampled_from((1, 4))),
        sequence_length=draw(st.sampled_from((256, 512, 1024))),
        gradient_checkpointing=draw(st.sampled_from(("none", "full", "reentrant"))),
        attention=draw(st.sampled_from(("sdpa", "eager", "flash_attention_2"))),
        loss=draw(st.sampled_from(("full-logits", "fused-linear", "fused-cross-entropy"))),
        loop=draw(st.sampled_from(("plain", "freed", "trainer"))),
        versions=draw(st.sampled_from(({}, {"transformers": "4.48.1"}))),
        parallel=Parallel(
            strategy=draw(st.sampled_from(("none", "ddp", "zero2", "zero3", "fsdp1", "fsdp2"))), data=4
        ),
    )


def peak(job: TrainingJob) -> int:
    """The most bytes of tensors at any moment. The worst moment may be another one: what the GPU must offer
    decides it, and that has more beside the tensors of a step than beside those of loading.
    """
    return max(moment.allocated_bytes for moment in estimate_job(job).moments)


@examples(150)
@given(jobs())
def test_the_parts_add_up(job: TrainingJob) -> None:
    """Components at the peak are the device's bytes, none is negative, and without overhead they are what
    torch allocated.
    """
    estimate = estimate_job(job)
    assert set(estimate.components) == set(COMPONENTS)
    assert sum(estimate.components.values()) == estimate.device_bytes
    assert (
        sum(size for name, size in estimate.components.items() if name != "overhead")
        == estimate.peak_allocated_bytes
    )
    assert min(estimate.components.values()) >= 0
    assert estimate.peak_allocated_bytes <= estimate.peak_reserved_bytes
    assert estimate.peak_allocated_bytes in {moment.allocated_bytes for moment in estimate.moments}
    if estimate.peak_phase in estimate.phase_peaks:
        assert estimate.peak_allocated_bytes == max(estimate.phase_peaks.values())
    assert 0 <= estimate.trainable_parameters <= estimate.parameters


@examples(60)
@given(jobs(), st.integers(1, 3))
def test_a_larger_batch_never_needs_less(job: TrainingJob, more: int) -> None:
    """Micro-batch size."""
    assert peak(replace(job, micro_batch_size=job.micro_batch_size + more)) >= peak(job)


@examples(60)
@given(jobs(), st.sampled_from((2, 3, 4)))
def test_a_longer_sequence_never_needs_less(job: TrainingJob, times: int) -> None:
    """Sequence length."""
    assert peak(replace(job, sequence_length=times * job.sequence_length)) >= peak(job)


@examples(60)
@given(jobs(), st.integers(1, 6))
def test_more_layers_never_need_less(job: TrainingJob, more: int) -> None:
    """Number of layers. Where only the last ones are trained, they have to stay of the same kinds: families
    repeat theirs every 2, 3, 4 or 6 layers.
    """
    more *= 12 if job.method == "freeze" else 1
    deeper = model(job.model.model_type, num_hidden_layers=BASE["num_hidden_layers"] + more)
    assert peak(replace(job, model=deeper)) >= peak(job)


@examples(60)
@given(jobs(), st.sampled_from((2, 4)))
def test_a_larger_rank_never_needs_less(job: TrainingJob, times: int) -> None:
    """Rank of the adapter."""
    assume(job.adapter is not None and job.method != "lokr")  # LoKr drops a matrix once the rank is large
    assert job.adapter is not None
    assert peak(replace(job, adapter=replace(job.adapter, r=times * job.adapter.r))) >= peak(job)


@examples(60)
@given(jobs())
def test_checkpointing_never_saves_more_activations(job: TrainingJob) -> None:
    """What is kept for backward, whole."""
    plain = estimate_job(replace(job, gradient_checkpointing="none")).phase_peaks["forward"]
    for kind in ("full", "reentrant"):
        assert estimate_job(replace(job, gradient_checkpointing=kind)).phase_peaks["forward"] <= plain * 1.001


@examples(60)
@given(jobs())
def test_fewer_bits_never_take_more(job: TrainingJob) -> None:
    """Bits of the weights, and of a frozen base."""
    narrow = estimate_job(replace(job, precision=replace(job.precision, weights="bfloat16")))
    wide = estimate_job(replace(job, precision=replace(job.precision, weights="float32")))
    assert narrow.component_sizes["weights"] <= wide.component_sizes["weights"]
    if job.method == "qlora" and job.adapter is not None:
        unpacked = estimate_job(replace(job, method="lora", quantization=None))
        assert estimate_job(job).component_sizes["weights"] <= unpacked.component_sizes["weights"]


@examples(60)
@given(jobs(), st.sampled_from(("zero1", "zero2", "zero3", "fsdp1", "fsdp2")))
def test_more_shards_never_enlarge_the_parts_they_share(job: TrainingJob, strategy: str) -> None:
    """Weights, gradients and states of a rank."""
    sizes = [
        estimate_job(replace(job, parallel=Parallel(strategy=strategy, data=ranks))).component_sizes  # type: ignore[arg-type]
        for ranks in (2, 4, 16)
    ]
    for component in ("weights", "gradients", "optimizer_states"):
        held = [size[component] for size in sizes]  # type: ignore[index]
        assert held == sorted(held, reverse=True)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_any_family_answers_or_says_why(family: str) -> None:
    """An empty config is refused in the model's own words; a whole one is answered."""
    assert estimate_job(TrainingJob(model=model(family))).parameters > 0
    with pytest.raises(CannotEstimate):
        estimate_job(TrainingJob(model=Model("bare", family, {"vocab_size": 100})))
