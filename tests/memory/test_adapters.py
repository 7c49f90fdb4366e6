"""Adapters beside what the real classes allocate: transformers 5.23's Llama under peft 0.21.2 on PyTorch's
fake CUDA tensors.

The tables hold bytes of weights and of the peak of forward and backward, measured as benchmarks/tracker.py
measures.
"""

from __future__ import annotations

import pytest

from vramlint.catalog.facts import Model
from vramlint.job import Adapter, Precision, TrainingJob
from vramlint.memory import estimate_job

LLAMA = {
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_hidden_layers": 3,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "vocab_size": 8000,
    "head_dim": 64,
    "tie_word_embeddings": False,
}
TARGETS = ("q_proj", "v_proj", "down_proj", "gate_proj")
MEASURED = {
    ("dora", 0.0, "bfloat16", "none"): (102591488, 394860544),
    ("dora", 0.0, "bfloat16", "full"): (102591488, 262018048),
    ("dora", 0.0, "none", "none"): (102591488, 461895680),
    ("dora", 0.1, "bfloat16", "none"): (102591488, 450697216),
    ("dora", 0.1, "bfloat16", "full"): (102591488, 287970304),
    ("dora", 0.1, "none", "none"): (102591488, 589035520),
    ("vera", 0.0, "bfloat16", "none"): (100844544, 325301248),
    ("vera", 0.0, "bfloat16", "full"): (100844544, 209934336),
    ("vera", 0.0, "none", "none"): (100844544, 356160512),
    ("ia3", 0.0, "bfloat16", "none"): (100499456, 351961088),
    ("ia3", 0.0, "bfloat16", "full"): (100499456, 209589248),
    ("ia3", 0.0, "none", "none"): (100499456, 351961088),
    ("loha", 0.0, "bfloat16", "none"): (104643584, 365988864),
    ("loha", 0.0, "bfloat16", "full"): (104643584, 213733376),
    ("loha", 0.0, "none", "none"): (104643584, 448302080),
    ("lokr", 0.0, "bfloat16", "none"): (100524032, 368203776),
    ("lokr", 0.0, "bfloat16", "full"): (100524032, 209613824),
    ("lokr", 0.0, "none", "none"): (100524032, 444231680),
    ("lora", 0.1, "bfloat16", "none"): (102530048, 347696128),
    ("lora", 0.1, "bfloat16", "full"): (102530048, 211619840),
    ("lora", 0.1, "none", "none"): (102530048, 383273984),
}
"""Method, dropout, autocast, checkpointing → bytes of weights, peak. Batch 1, 1,024 tokens, rank 16."""
ON_THE_EMBEDDING = {
    ("bfloat16", "none"): (103107584, 336612352),
    ("bfloat16", "full"): (103107584, 212262912),
    ("none", "none"): (103107584, 372124672),
}
"""LoRA without dropout with embed_tokens among its targets."""


def estimated(adapter: Adapter, method: str, autocast: str, checkpointing: str) -> tuple[int, int]:
    """Our bytes for the same run."""
    job = TrainingJob(
        model=Model("small", "llama", LLAMA),
        method=method,
        adapter=adapter,
        precision=Precision(autocast=autocast),  # type: ignore[arg-type]
        optimizer="sgd",
        sequence_length=1024,
        gradient_checkpointing=checkpointing,  # type: ignore[arg-type]
        loop="trainer" if autocast != "none" else "freed",
    )
    estimate = estimate_job(job)
    return estimate.components["weights"], max(
        estimate.phase_peaks["forward"], estimate.phase_peaks["backward"]
    )


@pytest.mark.parametrize(("method", "dropout", "autocast", "checkpointing"), MEASURED)
def test_as_measured(method: str, dropout: float, autocast: str, checkpointing: str) -> None:
    """Weights to a tenth of a percent, activations to half a percent."""
    weights, peak = MEASURED[method, dropout, autocast, checkpointing]
    adapter = Adapter(r=16, dropout=dropout, targets=TARGETS)
    ours, ours_peak = estimated(adapter, method, autocast, checkpointing)
    assert ours == pytest.approx(weights, rel=1e-3)
    assert ours_peak - ours == pytest.approx(peak - weights, rel=5e-3)


@pytest.mark.parametrize(("autocast", "checkpointing"), ON_THE_EMBEDDING)
def test_lora_on_the_embedding(autocast: str, checkpointing: str) -> None:
    """Two factors more, and gradients of a table of rank 16."""
    weights, peak = ON_THE_EMBEDDING[autocast, checkpointing]
    adapter = Adapter(r=16, targets=(*TARGETS, "embed_tokens"))
    ours, ours_peak = estimated(adapter, "lora", autocast, checkpointing)
    assert ours == pytest.approx(weights, rel=1e-3)
    assert ours_peak - ours == pytest.approx(peak - weights, rel=5e-3)


@pytest.mark.parametrize("norm", ["norm_1", "norm_2"])
def test_norms_of_a_kind_of_their_own_are_saved_by_their_names(norm: str) -> None:
    """MPT's are called otherwise than Llama's, and have no bias."""
    shape = {"model_type": "mpt", "d_model": 256, "n_heads": 4, "n_layers": 3, "vocab_size": 512}
    model = Model("small", "mpt", shape)
    trained = [
        estimate_job(TrainingJob(model=model, method="lora", adapter=Adapter(modules_to_save=saved)))
        for saved in ((), (norm,))
    ]
    assert trained[1].trainable_parameters - trained[0].trainable_parameters == 3 * 256


def test_both_factors_of_a_router_are_trained() -> None:
    """Of `[experts, hidden]`, a parameter since transformers 5: `[r, hidden]` and `[experts, r]`."""
    shape = {**LLAMA, "model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 2}
    model, adapter = Model("small", "mixtral", shape), Adapter(r=8, targets=("gate",))
    estimate = estimate_job(TrainingJob(model=model, method="lora", adapter=adapter))
    assert estimate.trainable_parameters == shape["num_hidden_layers"] * 8 * (shape["hidden_size"] + 4)


def test_modules_to_save_are_trained_beside_the_frozen_ones() -> None:
    """Copies of embedding and head, in the dtype of the base, with all that training them takes."""
    plain = estimate_job(TrainingJob(model=Model("small", "llama", LLAMA), method="lora", adapter=Adapter()))
    adapter = Adapter(modules_to_save=("embed_tokens", "lm_head"))
    whole = estimate_job(TrainingJob(model=Model("small", "llama", LLAMA), method="lora", adapter=adapter))
    both = 2 * 8000 * 1024
    assert whole.trainable_parameters - plain.trainable_parameters == both
    assert whole.components["weights"] - plain.components["weights"] == 2 * both
    states = whole.components["optimizer_states"] - plain.components["optimizer_states"]
    assert states == pytest.approx(2 * 2 * both, rel=1e-3)


def test_fused_kernels_keep_less() -> None:
    """Hand-written kernels keep their inputs only."""
    job = TrainingJob(
        model=Model("small", "llama", LLAMA),
        method="lora",
        adapter=Adapter(),
        precision=Precision(autocast="bfloat16"),
    )
    fused = TrainingJob(
        model=job.model,
        method="lora",
        adapter=Adapter(fused_kernels=True),
        precision=job.precision,
    )
    assert estimate_job(fused).peak_allocated_bytes < 0.9 * estimate_job(job).peak_allocated_bytes
