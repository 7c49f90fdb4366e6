"""What LLaMA-Factory makes of a file, with either engine."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from dialect_reading import edited, expect, job_of, reading, value_at

from vramlint.dialects.llamafactory.read import DIALECT
from vramlint.job import FrameworkDefault, Written
from vramlint.memory import estimate_job

MODEL = "model_name_or_path: meta-llama/Llama-3.1-8B\n"
BASE = MODEL + "stage: sft\ntemplate: llama3\n"
FULL = BASE + "finetuning_type: full\nbf16: true\n"
LORA = BASE + "finetuning_type: lora\nbf16: true\n"
V1 = "model: Qwen/Qwen3-4B\ntrain_dataset: data/demo.yaml\ncutoff_len: 1024\nmicro_batch_size: 2\n"


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            BASE,
            {
                "objective": "sft",
                "method": "lora",
                "adapter.r": 8,
                "adapter.alpha": 16,
                "adapter.targets": "all-linear",
                "adapter.dtype": "float32",
                "precision.autocast": "none",
                "micro_batch_size": 8,
                "sequence_length": 2048,
                "gradient_checkpointing": "reentrant",
                "optimizer": "adamw_torch_fused",
                "attention": "sdpa",
                "loss": "full-logits",
                "loop": "trainer",
                "packing": False,
                "reference_model": "none",
            },
            id="defaults",
        ),
        pytest.param(FULL, {"method": "full", "adapter": None, "precision.trainable": "float32"}, id="full"),
        pytest.param(
            FULL + "pure_bf16: true",
            {"precision.trainable": "same-as-weights", "precision.weights": "bfloat16"},
            id="pure bf16",
        ),
        pytest.param(
            FULL + "use_badam: true\nbadam_mode: layer",
            {
                "method": "freeze",
                "trainable_parameters": (r"model\.layers\.0\.",),
                "precision.weights": "bfloat16",
                "precision.trainable": "same-as-weights",
                "precision.master_weights": "float32",
            },
            id="badam trains a layer at a time",
        ),
        pytest.param(
            FULL + "use_badam: true\nbadam_switch_mode: fixed\nbadam_start_block: 30",
            {"trainable_parameters": (r"model\.layers\.30\.",)},
            id="badam stays with a layer",
        ),
        pytest.param(FULL + "use_adam_mini: true", {"optimizer": "adam_mini"}, id="adam-mini"),
        pytest.param(
            BASE + "finetuning_type: oft\noft_target: q_proj,v_proj",
            {"method": "lora", "adapter.r": 1, "adapter.targets": ("q_proj", "v_proj")},
            id="oft counts at least an adapter of rank 1",
        ),
        pytest.param(
            LORA + "quantization_bit: 4",
            {
                "method": "qlora",
                "quantization.scheme": "bnb-nf4",
                "quantization.double_quant": True,
                "quantization.compute": "bfloat16",
                "quantization.kbit_prep": "none",
            },
            id="4 bit",
        ),
        pytest.param(LORA + "quantization_bit: 8", {"quantization.scheme": "bnb-int8"}, id="8 bit"),
        pytest.param(
            LORA + "lora_target: q_proj, v_proj\nlora_rank: 64",
            {"adapter.targets": ("q_proj", "v_proj"), "adapter.r": 64, "adapter.alpha": 128},
            id="targets by name",
        ),
        pytest.param(
            LORA + "resize_vocab: true",
            {"adapter.modules_to_save": ("embed_tokens", "lm_head")},
            id="resize_vocab trains embeddings and head",
        ),
        pytest.param(LORA + "use_dora: true", {"method": "dora"}, id="dora"),
        pytest.param(
            BASE + "finetuning_type: freeze\nfreeze_trainable_layers: 3",
            {"method": "freeze", "trainable_layers": 3},
            id="freeze",
        ),
        pytest.param(
            LORA + "disable_gradient_checkpointing: true", {"gradient_checkpointing": "none"}, id="off"
        ),
        pytest.param(
            LORA + "use_reentrant_gc: false", {"gradient_checkpointing": "full"}, id="not reentrant"
        ),
        pytest.param(LORA + "flash_attn: fa2", {"attention": "flash_attention_2"}, id="fa2"),
        pytest.param(LORA + "flash_attn: disabled", {"attention": "eager"}, id="no kernel"),
        pytest.param(LORA + "enable_liger_kernel: true", {"loss": "fused-linear"}, id="liger"),
        pytest.param(
            LORA.replace("sft", "dpo") + "enable_liger_kernel: true",
            {"loss": "full-logits", "objective": "dpo", "reference_model": "none"},
            id="liger leaves DPO's loss alone",
        ),
        pytest.param(
            FULL.replace("sft", "dpo"),
            {"objective": "dpo", "reference_model": "resident"},
            id="full DPO keeps two models",
        ),
        pytest.param(
            FULL.replace("sft", "dpo") + "pref_loss: simpo",
            {"objective": "orpo", "reference_model": "none"},
            id="simpo has no reference",
        ),
        pytest.param(
            FULL.replace("sft", "dpo") + "ref_model: a\nref_model_quantization_bit: 4",
            {"reference_model": "quantized"},
            id="quantized reference",
        ),
        pytest.param(BASE.replace("sft", "pt"), {"objective": "pretrain", "packing": True}, id="pt packs"),
        pytest.param(
            FULL + "use_galore: true\ngalore_rank: 32\ngalore_layerwise: true",
            {"optimizer": "galore_adamw", "optimizer_args": {"rank": 32}, "optimizer_in_backward": True},
            id="galore",
        ),
        pytest.param(BASE + "cutoff_len: ${length}\nlength: 512", {"sequence_length": 512}, id="reference"),
    ],
)
def test_first_engine(config: str, fields: dict[str, Any]) -> None:
    expect(job_of(config), fields)


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            V1,
            {
                "method": "full",
                "precision.weights": "float32",
                "precision.autocast": "none",
                "micro_batch_size": 2,
                "sequence_length": 1024,
                "gradient_checkpointing": "full",
                "optimizer": "adamw_torch",
                "loop": "freed",
                "parallel.strategy": "ddp",
            },
            id="full is float32",
        ),
        pytest.param(
            V1 + "peft_config: {name: lora, r: 16, lora_alpha: 32, target_modules: all}",
            {"method": "lora", "adapter.r": 16, "adapter.targets": "all-linear", "adapter.dropout": 0.05},
            id="lora",
        ),
        pytest.param(
            V1 + "peft_config: {name: lora}\nquant_config: {name: bnb, quantization_bit: 4}",
            {"method": "qlora", "quantization.scheme": "bnb-nf4", "quantization.compute": "float16"},
            id="qlora computes in float16",
        ),
        pytest.param(
            V1 + "dist_config: {name: fsdp2, offload_params: true}",
            {
                "parallel.strategy": "fsdp2",
                "parallel.data": 2,
                "parallel.param_dtype": "bfloat16",
                "parallel.reduce_dtype": "float32",
                "parallel.offload": "both",
            },
            id="fsdp2",
        ),
        pytest.param(V1 + "global_batch_size: 16", {"gradient_accumulation_steps": 4}, id="accumulation"),
        pytest.param(V1.replace("demo", "dpo_demo"), {"objective": "dpo"}, id="the data set names the stage"),
    ],
)
def test_second_engine(config: str, fields: dict[str, Any]) -> None:
    expect(job_of(config, gpus=2), fields)


@pytest.mark.parametrize(
    ("config", "kind", "key", "severity"),
    [
        (LORA + "quantization_method: bnb", "quantization-without-bits", "quantization_method", "warning"),
        (FULL + "quantization_bit: 4", "quantized-full-finetuning", "quantization_bit", "error"),
        (LORA + "quantization_bit: 4\nresize_vocab: true", "quantization-conflict", "resize_vocab", "error"),
        (LORA + "gradient_checkpointing: false", "ineffective-key", "gradient_checkpointing", "warning"),
        (LORA + "use_galore: true", "optimizer-conflict", "use_galore", "error"),
        (FULL + "use_dora: true", "lora-only-key", "use_dora", "error"),
        (
            FULL + "pure_bf16: true\ndeepspeed: {zero_optimization: {stage: 3}, bf16: {enabled: true}}",
            "pure-bf16-zero3",
            "pure_bf16",
            "error",
        ),
        (
            LORA + "quantization_bit: 8\ndeepspeed: {zero_optimization: {stage: 3}, bf16: {enabled: true}}",
            "quantized-sharding",
            "quantization_bit",
            "error",
        ),
    ],
)
def test_what_is_refused_or_does_nothing(config: str, kind: str, key: str, severity: str) -> None:
    found = [(problem.kind, problem.key, problem.severity) for problem in reading(config).problems]
    assert found == [(kind, (key,), severity)]


def test_a_clean_file_has_no_problems() -> None:
    for config in (BASE, FULL, LORA + "quantization_bit: 4\nquantization_type: fp4", V1):
        assert reading(config).problems == ()


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (LORA + "use_kt: true", "not-modelled"),  # Llama has no experts
        (LORA + "do_predict: true", "not-a-training-file"),
        (BASE.replace("meta-llama/Llama-3.1-8B", "nobody/knows-this"), "unknown-model"),
        (MODEL + "template: llama3\nfinetuning_type: lora\nexport_dir: out", "not-a-training-file"),
    ],
)
def test_files_without_a_job(config: str, code: str) -> None:
    obstacle = reading(config).obstacle
    assert obstacle is not None
    assert obstacle.code == code


def test_origins_name_the_key_or_the_default() -> None:
    job = job_of(LORA + "cutoff_len: 4096")
    assert job.origin("sequence_length") == Written(("cutoff_len",))
    default = job.origin("micro_batch_size")
    assert isinstance(default, FrameworkDefault)
    assert (default.framework, default.version) == ("llamafactory", "0.9.5")


def test_a_deepspeed_companion_is_followed_and_a_missing_one_named() -> None:
    config = FULL + "deepspeed: ds_z3.json"
    zero3 = {"zero_optimization": {"stage": 3}, "bf16": {"enabled": "auto"}}
    found = reading(config, gpus=4, files={"ds_z3.json": zero3})
    assert found.job is not None
    expect(
        found.job, {"parallel.strategy": "zero3", "parallel.data": 4, "precision.master_weights": "float32"}
    )
    assert found.companions == ("ds_z3.json",)
    lost = reading(config, gpus=4)
    assert lost.missing_companions == ((("deepspeed",), "ds_z3.json"),)
    assert lost.job is not None
    assert lost.job.parallel.strategy == "zero3"


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (LORA + "disable_gradient_checkpointing: true", {"gradient_checkpointing": "reentrant"}),
        (LORA, {"gradient_checkpointing": "none"}),
        (LORA, {"micro_batch_size": 1, "gradient_accumulation_steps": 8}),
        (LORA, {"sequence_length": 1024}),
        (LORA, {"method": "qlora"}),
        (LORA + "quantization_bit: 4", {"method": "lora"}),
        (FULL, {"method": "lora"}),
        (FULL, {"precision.trainable": "same-as-weights"}),
        (LORA, {"optimizer": "adamw_8bit"}),
        (LORA, {"loss": "fused-linear"}),
        (LORA, {"attention": "flash_attention_2"}),
        (LORA, {"adapter.targets": ("q_proj", "v_proj")}),
        (V1, {"gradient_checkpointing": "none"}),
        (V1, {"micro_batch_size": 1, "gradient_accumulation_steps": 2}),
        (V1, {"method": "qlora"}),
        (V1, {"parallel.strategy": "fsdp2"}),
    ],
    ids=str,
)
def test_edits_read_back_as_what_was_asked(config: str, changes: dict[str, Any]) -> None:
    values = yaml.safe_load(config)
    edits = DIALECT.edits(values, job_of(values), changes)
    assert edits
    job = job_of(edited(values, edits))
    assert {name: value_at(job, name) for name in changes} == changes


def test_what_cannot_be_said() -> None:
    job = job_of(LORA)
    assert DIALECT.edits({}, job, {"parallel.tensor": 2}) is None
    assert DIALECT.edits({}, job, {"gradient_checkpointing": 3}) is None


@pytest.mark.parametrize(
    ("version", "scheme", "kinds"),
    [
        (None, None, ["unknown-quantization"]),
        ("0.9.3", None, ["unknown-quantization"]),
        ("0.8.3", "bnb-nf4", []),
    ],
)
def test_a_method_that_the_code_does_not_compare_with_quantizes_nothing(
    version: str | None, scheme: str | None, kinds: list[str]
) -> None:
    """model/model_utils/quantization.py (0.9.5) compares with bnb, hqq and eetq, without an else."""
    config = {
        "model_name_or_path": "Qwen/Qwen2.5-7B-Instruct",
        "stage": "sft",
        "finetuning_type": "lora",
        "quantization_bit": 4,
        "quantization_method": "bitsandbytes",
    }
    found = reading(config, versions={"llamafactory": version} if version else {})
    assert found.job is not None
    assert (found.job.quantization.scheme if found.job.quantization else None) == scheme
    assert [problem.kind for problem in found.problems if "quantization" in problem.kind] == kinds
    assert not found.unusable


MCA = FULL + "tensor_model_parallel_size: 4\npipeline_model_parallel_size: 2\n"


def test_arguments_of_mcore_adapter_are_read_as_megatron_takes_them() -> None:
    job = job_of(MCA + "sequence_parallel: true\nuse_distributed_optimizer: true\n", gpus=16)
    assert (job.runtime, job.parallel.strategy, job.precision.gradients) == ("megatron", "zero1", "float32")
    assert (job.parallel.tensor, job.parallel.pipeline, job.parallel.data) == (4, 2, 2)
    assert job.parallel.sequence
    assert job.gradient_checkpointing == "none"
    alone = job_of(MCA + "recompute_granularity: full\n", gpus=16)
    assert (alone.parallel.strategy, alone.gradient_checkpointing) == ("ddp", "full")


@pytest.mark.parametrize(
    "key", ["virtual_pipeline_model_parallel_size", "num_virtual_stages_per_pipeline_rank"]
)
def test_stages_in_parts_are_of_the_key_that_says_so(key: str) -> None:
    job = job_of(f"{MCA}{key}: 2\n", gpus=16)
    assert (job.parallel.virtual_pipeline, job.parallel.schedule) == (2, "interleaved")
    assert job.origin("parallel.virtual_pipeline") == Written((key,))


def test_what_megatron_holds_beside_a_preference_is_not_modelled() -> None:
    obstacle = reading(MCA.replace("stage: sft", "stage: dpo"), gpus=8).obstacle
    assert obstacle is not None
    assert (obstacle.code, obstacle.key) == ("not-modelled", ("stage",))


def test_one_layer_is_trained_at_a_time() -> None:
    """A layer of 218 M weights has gradients and float32 copies with moments, the rest none."""
    blocks = estimate_job(job_of(FULL + "use_badam: true"))
    assert blocks.trainable_parameters == pytest.approx(218e6, rel=0.01)
    assert blocks.sizes["optimizer_states"] == pytest.approx(12 * 218e6, rel=0.01)


def test_oft_says_what_it_does_not_count() -> None:
    job = job_of(BASE + "finetuning_type: oft")
    assert estimate_job(job).unknown
    assert isinstance(job.origins["adapter.targets"], FrameworkDefault)


def test_scattered_weights_are_not_modelled() -> None:
    obstacle = reading(FULL + "use_badam: true\nbadam_mode: ratio").obstacle
    assert obstacle is not None
    assert obstacle.key == ("badam_mode",)


def test_several_gpus_need_zero_3_for_badam() -> None:
    def kinds(**options: Any) -> set[str]:
        config = FULL + "use_badam: true\n" + options.pop("more", "")
        return {problem.kind for problem in reading(config, **options).problems}

    assert "optimizer-conflict" in kinds(gpus=2)
    assert "optimizer-conflict" not in kinds()
    zero = {"z3.json": {"bf16": {"enabled": True}, "zero_optimization": {"stage": 3}}}
    assert "optimizer-conflict" not in kinds(gpus=2, more="deepspeed: z3.json", files=zero)


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        # billions of weights that are no routed experts: embeddings, head, attention, shared experts
        pytest.param("Qwen/Qwen3-30B-A3B", 1.54, id="no shared expert"),
        pytest.param("deepseek-ai/DeepSeek-V2-Lite", 1.32, id="two shared experts a layer"),
        pytest.param("mistralai/Mixtral-8x7B-v0.1", 1.60, id="experts as wide as a layer says"),
    ],
)
def test_ktransformers_has_experts_on_the_host(name: str, beside: float) -> None:
    job = job_of(LORA.replace("meta-llama/Llama-3.1-8B", name) + "use_kt: true")
    estimate = estimate_job(job)
    assert estimate.unknown
    assert estimate.parameters - estimate.trainable_parameters == pytest.approx(beside * 1e9, rel=0.02)
