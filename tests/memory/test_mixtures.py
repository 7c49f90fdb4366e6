"""Experts, towers and stand-ins: every catalogued model's parameters to the last, and where adapters go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from configs import estimate_of

from vramlint.catalog.facts import GIB, Model
from vramlint.catalog.models import Models
from vramlint.job import Adapter, Parallel, Precision, Quantization, TrainingJob
from vramlint.memory import estimate_job

CATALOG = Models()
UNLIKE = {"Zyphra/Zamba2-1.2B", "google/siglip-so400m-patch14-384"}
"""Layers that share their weights, listed once for each place they run at; a pair of towers without a
language model.
"""
KINDS = ("vision-language", "hybrid-decoder", "ssm")
NAMES = sorted(
    model.name
    for model in CATALOG.search("")
    if ("experts" in model.breakdown or model.kind in KINDS) and model.name not in UNLIKE
)


def catalogued(name: str) -> Model:
    """The model of a name that is there."""
    model = CATALOG.model(name)
    assert model is not None
    return model


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_exact(name: str) -> None:
    """Full training counts and trains every parameter that the catalog counts."""
    model = catalogued(name)
    estimate = estimate_job(TrainingJob(model=model))
    assert estimate.parameters == model.parameters
    frozen = estimate.parameters - estimate.trainable_parameters
    assert frozen <= estimate.parameters * 1e-6


def mixtral(**changes: object) -> TrainingJob:
    """LoRA on Mixtral as most configs write it."""
    job = TrainingJob(
        model=catalogued("mistralai/Mixtral-8x7B-v0.1"),
        method="lora",
        adapter=Adapter(r=16, targets=("q_proj", "v_proj")),
        precision=Precision(autocast="bfloat16"),
        gradient_checkpointing="full",
    )
    return replace(job, **changes)  # type: ignore[arg-type]


def test_experts_are_quantised_where_they_are_linear_layers() -> None:
    """bitsandbytes sees no linear layers in transformers 5's experts: 47 B parameters stay in 16 bits."""
    quantized = {"method": "qlora", "quantization": Quantization()}
    newest = estimate_job(mixtral(**quantized)).components["weights"]
    before = estimate_job(mixtral(**quantized, versions={"transformers": "4.57.0"})).components["weights"]
    assert newest > 80 * 10**9
    assert 22 * 2**30 < before < 24 * 2**30


def test_an_adapter_on_experts_costs_a_copy_of_their_weights() -> None:
    """PEFT adds the update to all experts' weights at once, and the product keeps the sum."""
    attention = estimate_job(mixtral())
    everything = estimate_job(mixtral(adapter=Adapter(r=16, targets="all-linear")))
    experts = 8 * 3 * 4096 * 14336 * 2
    assert everything.components["activations"] - attention.components["activations"] > experts
    before = mixtral(adapter=Adapter(r=16, targets="all-linear"), versions={"transformers": "4.57.0"})
    assert estimate_job(before).components["activations"] < everything.components["activations"] - experts


def test_shared_experts_lose_their_adapters_to_the_routed_ones() -> None:
    """`down_proj` means the experts' parameter where PEFT converts targets, and every linear layer of that
    name where it does not.
    """
    targets = Adapter(r=8, targets=("down_proj",))
    deepseek = TrainingJob(model=catalogued("deepseek-ai/DeepSeek-V2-Lite"), method="lora", adapter=targets)
    qwen = TrainingJob(model=catalogued("Qwen/Qwen1.5-MoE-A2.7B"), method="lora", adapter=targets)
    assert estimate_job(deepseek).trainable_parameters == 26 * 64 * 8 * (2048 + 1408)
    assert estimate_job(qwen).trainable_parameters == 24 * 8 * (2048 + 5632)


def test_expert_parallel_ranks_share_the_experts() -> None:
    """Eight ranks hold an eighth of the experts each."""
    alone = estimate_job(mixtral(method="full", adapter=None)).components["weights"]
    shared = mixtral(method="full", adapter=None, parallel=Parallel(strategy="ddp", data=8, expert=8))
    assert estimate_job(shared).components["weights"] < alone / 5


def test_images_are_said_to_be_assumed() -> None:
    """A vision-language model's estimate names the picture it counts."""
    estimate = estimate_job(
        TrainingJob(catalogued("llava-hf/llava-1.5-7b-hf"), sequence_length=2048, images="one")
    )
    assert "every sequence is taken to hold one image of 336 × 336 pixels (576 tokens)" in estimate.notes


def test_what_is_not_modelled_says_so() -> None:
    """A stand-in has exact weights and a wider band."""
    estimate = estimate_job(TrainingJob(model=catalogued("ai21labs/Jamba-v0.1")))
    assert not estimate.modelled
    assert estimate.error_band >= 0.25
    assert any("not modelled operation by operation" in note for note in estimate.notes)


def test_states_of_experts_are_shared_by_more_ranks_than_there_are_experts() -> None:
    """An expert's states are cut too (deepspeed 0.19.2, runtime/zero/stage3.py, _create_fp16_sub_groups)."""
    config = {
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": 512,
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
    }
    job = TrainingJob(
        Model("small", "mixtral", config), optimizer="adamw", parallel=Parallel("zero3", data=64)
    )
    estimate = estimate_job(job)
    assert estimate.component_sizes["optimizer_states"] == pytest.approx(
        4 * estimate.parameters / 64, rel=0.1
    )


GPT_OSS = """\
# vramlint: gpu=A100-80GB x4 versions=axolotl@{release}
base_model: openai/gpt-oss-20b
model_quantization_config: Mxfp4Config
model_quantization_config_kwargs: {{dequantize: true}}
plugins: [axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin]
experimental_skip_move_to_device: true
datasets: [{{path: HuggingFaceH4/Multilingual-Thinking, type: chat_template}}]
output_dir: ./outputs/gpt-oss-out/
sequence_len: 4096
sample_packing: true
gradient_accumulation_steps: 2
micro_batch_size: 1
optimizer: adamw_torch_8bit
bf16: true
attn_implementation: kernels-community/vllm-flash-attn3
gradient_checkpointing: true
activation_offloading: true
fsdp_version: 2
fsdp_config:
  state_dict_type: SHARDED_STATE_DICT
  auto_wrap_policy: TRANSFORMER_BASED_WRAP
  transformer_layer_cls_to_wrap: GptOssDecoderLayer
  reshard_after_forward: true
"""
"""Axolotl's examples/gpt-oss/gpt-oss-20b-fft-fsdp2.yaml, whose README says 46 GiB reserved on 4 GPUs."""


def test_gpt_oss_takes_its_experts_out_one_by_one_before_transformers_5(tmp_path: Path) -> None:
    """Copies of a layer's weights, and a second gradient of the larger projection."""
    older, newer = (estimate_of(tmp_path, GPT_OSS.format(release=release)) for release in ("0.12", "0.16"))
    held = {tensor.name: tensor.bytes for tensor in older.tensors}
    assert held["mlp.experts.gate_up_proj, copied expert by expert"] == 32 * 5760 * 2880 * 2
    assert not any("copied expert by expert" in tensor.name for tensor in newer.tensors)
    assert 40 * GIB < older.peak_reserved_bytes < 49 * GIB
