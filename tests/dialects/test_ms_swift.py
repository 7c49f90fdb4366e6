"""What ms-swift makes of its arguments (4.6.0 unless a test says otherwise)."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_reading import expect, job_of, reading

from vramlint.job import Assumed, FrameworkDefault, TrainingJob, Written
from vramlint.memory import estimate_job

MODEL = "Qwen/Qwen2.5-7B-Instruct"
LORA: dict[str, Any] = {"model": MODEL, "tuner_type": "lora", "dataset": ["a/b"], "max_length": 2048}
FULL = LORA | {"tuner_type": "full", "torch_dtype": "bfloat16"}
GRPO = FULL | {"rlhf_type": "grpo", "use_vllm": True, "vllm_mode": "colocate"}
MOE: dict[str, Any] = {
    "model": "Qwen/Qwen3-30B-A3B",
    "tuner_type": "full",
    "tensor_model_parallel_size": 2,
    "expert_model_parallel_size": 4,
    "sequence_parallel": True,
    "max_length": 4096,
    "micro_batch_size": 1,
    "global_batch_size": 32,
    "recompute_granularity": "full",
    "recompute_method": "uniform",
    "recompute_num_layers": 1,
}


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            LORA,
            {
                "method": "lora",
                "adapter.r": 8,
                "adapter.alpha": 32,
                "adapter.dropout": 0.05,
                "adapter.targets": "all-linear",
                "adapter.dtype": "float32",
                "precision.weights": "bfloat16",
                "precision.autocast": "bfloat16",
                "micro_batch_size": 1,
                "gradient_accumulation_steps": 16,
                "gradient_checkpointing": "reentrant",
                "loss": "full-logits",
            },
            id="silent files train LoRA with a step of 16 rows",
        ),
        pytest.param(
            FULL | {"per_device_train_batch_size": 4},
            {"method": "full", "adapter": None, "gradient_accumulation_steps": 4},
            id="accumulation makes up 16 rows",
        ),
        pytest.param(
            LORA | {"quant_method": "bnb", "quant_bits": 4},
            {
                "method": "qlora",
                "quantization.scheme": "bnb-nf4",
                "quantization.double_quant": True,
                "quantization.compute": "bfloat16",
            },
            id="qlora",
        ),
        pytest.param(
            FULL | {"torch_dtype": "float32"},
            {"precision.weights": "float32", "precision.autocast": "float16"},
            id="mixed precision follows the dtype",
        ),
        pytest.param(
            LORA | {"rlhf_type": "dpo"}, {"objective": "dpo", "reference_model": "none"}, id="dpo with lora"
        ),
        pytest.param(
            FULL | {"rlhf_type": "kto"}, {"objective": "kto", "reference_model": "resident"}, id="kto in full"
        ),
        pytest.param(
            FULL | {"rlhf_type": "simpo"}, {"objective": "orpo", "reference_model": "none"}, id="simpo"
        ),
        pytest.param(
            GRPO,
            {
                "objective": "grpo",
                "reference_model": "resident",
                "generation.colocated": True,
                "generation.memory_fraction": 0.9,
                "generation.sleep": "none",
                "sequence_length": 2048 + 512,
            },
            id="grpo",
        ),
        pytest.param(
            GRPO | {"beta": 0, "sleep_level": 1, "offload_model": True, "offload_optimizer": True},
            {"reference_model": "none", "generation.sleep": "offload", "generation.away": "both"},
            id="grpo that makes room",
        ),
        pytest.param(
            MOE,
            {
                "runtime": "megatron",
                "method": "full",
                "precision.gradients": "float32",
                "precision.master_weights": "float32",
                "gradient_checkpointing": "full",
            },
            id="megatron",
        ),
        pytest.param(
            MOE | {"rlhf_type": "dpo"},
            {"objective": "dpo", "reference_model": "resident", "loss": "full-logits"},
            id="dpo by megatron",
        ),
        pytest.param(
            MOE | {"rlhf_type": "rm", "tuner_type": "lora"},
            {"objective": "reward", "reference_model": "none"},
            id="reward model by megatron",
        ),
        pytest.param(
            MOE | {"task_type": "seq_cls"}, {"objective": "classification"}, id="classes by megatron"
        ),
        pytest.param(
            MOE | {"cross_entropy_fusion_impl": "te"}, {"loss": "fused-cross-entropy"}, id="kernel of TE"
        ),
        pytest.param(
            MOE | {"cross_entropy_loss_fusion": True}, {"loss": "full-logits"}, id="Megatron's own kernel"
        ),
        pytest.param(
            FULL | {"rlhf_type": "dpo", "packing": True},
            {"sequence_length": 1024, "packing": True},
            id="a packed row holds both sides of its pairs",
        ),
    ],
)
def test_fields(config: dict[str, Any], fields: dict[str, Any]) -> None:
    expect(job_of(config), fields)


@pytest.mark.parametrize(
    ("engine", "fields"),
    [
        ({}, {"parallel.strategy": "ddp", "gradient_checkpointing": "full"}),
        (
            {"deepspeed": "zero2"},
            {
                "parallel.strategy": "zero2",
                "parallel.buckets.reduce": 2e8,
                "precision.master_weights": "float32",
            },
        ),
        ({"deepspeed": "zero3_offload"}, {"parallel.strategy": "zero3", "parallel.offload": "both"}),
        ({"fsdp": "fsdp2"}, {"parallel.strategy": "fsdp2", "gradient_checkpointing": "full"}),
        ({"sequence_parallel_size": 2, "deepspeed": "zero3"}, {"parallel.data": 2, "parallel.context": 2}),
        (
            {"ENV": {"NPROC_PER_NODE": 2}, "deepspeed": "zero3"},
            {"parallel.data": 2, "gradient_accumulation_steps": 8},
        ),
    ],
)
def test_engines_by_the_names_that_ms_swift_ships(engine: dict[str, Any], fields: dict[str, Any]) -> None:
    expect(job_of(FULL | engine, gpus=4), fields)


def test_a_model_that_takes_images_keeps_its_tower() -> None:
    images = FULL | {"model": "Qwen/Qwen2.5-VL-7B-Instruct"}
    language = estimate_job(job_of(images)).trainable_parameters
    assert language == pytest.approx(estimate_job(job_of(FULL)).trainable_parameters, rel=1e-6)
    lora = images | {"tuner_type": "lora"}
    adapted = estimate_job(job_of(lora)).trainable_parameters
    assert adapted == estimate_job(job_of(LORA)).trainable_parameters
    assert estimate_job(job_of(lora | {"freeze_vit": False})).trainable_parameters > adapted


def test_megatron_shares_the_optimizer_and_keeps_float32_gradients() -> None:
    job = job_of(MOE, gpus=8)
    expect(
        job, {"parallel.strategy": "zero1", "parallel.tensor": 2, "parallel.data": 4, "parallel.expert": 4}
    )
    assert job.gradient_accumulation_steps == 8
    one, two = estimate_job(job).component_sizes, estimate_job(job_of(MOE, gpus=16)).component_sizes
    assert one["gradients"] == two["gradients"] == pytest.approx(2 * one["weights"], rel=1e-3)
    assert two["optimizer_states"] < 0.52 * one["optimizer_states"]


def test_megatron_puts_an_adapter_on_every_expert() -> None:
    """`all-linear` finds the grouped layers too (mcore_bridge 1.6, tuners/lora.py): 48 layers, 128 experts on
    4 ranks, rank 8. Names of single modules are Megatron's.
    """
    lora = MOE | {"tuner_type": "lora", "tensor_model_parallel_size": 1}
    experts = 48 * 32 * 8 * ((2048 + 1536) + (768 + 2048))
    attention = 48 * 8 * ((2048 + 4096) + 2 * (2048 + 512) + (4096 + 2048))

    def trained(**targets: Any) -> float:
        return estimate_job(job_of(lora | targets, gpus=4)).component_sizes["gradients"] / 4

    assert trained(target_modules=["linear_qkv", "linear_proj"]) == pytest.approx(attention, rel=1e-6)
    assert trained() == pytest.approx(attention + experts, rel=1e-6)
    assert trained(target_modules=["linear_fc2"]) == pytest.approx(48 * 32 * 8 * (768 + 2048), rel=1e-6)


def test_a_process_spreads_the_layers_over_the_gpus_it_sees() -> None:
    def spread(processes: int, **more: Any) -> TrainingJob:
        seen = {"NPROC_PER_NODE": processes, "CUDA_VISIBLE_DEVICES": "0,1,2,3"}
        return job_of(LORA | {"ENV": seen} | more)

    layers = {"parallel.pipeline": 4, "parallel.schedule": "device-map", "parallel.data": 1, "gpu_count": 4}
    expect(spread(1), layers)
    expect(spread(2), layers | {"parallel.pipeline": 2, "parallel.data": 2})
    expect(spread(4), {"parallel.pipeline": 1, "parallel.data": 4})
    expect(spread(1, deepspeed="zero3"), {"parallel.pipeline": 1})


def test_a_row_without_a_limit_is_an_assumption_and_a_packed_one_is_not() -> None:
    open_ended = {name: value for name, value in LORA.items() if name != "max_length"}
    job = job_of(open_ended)
    assert job.sequence_length == 2048
    assert isinstance(job.origin("sequence_length"), Assumed)
    packed = job_of(open_ended | {"packing": True})
    assert packed.sequence_length == packed.model.config["max_position_embeddings"]
    assert isinstance(packed.origin("sequence_length"), FrameworkDefault)


def test_train_type_dates_the_file() -> None:
    found = reading({"model": MODEL, "train_type": "lora", "max_length": 8})
    assert found.version == "3.12"
    assert not found.problems
    assert found.job is not None
    assert found.job.origin("method") == Written(("train_type",))


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"tuner_type": "adalora"}, "tuner_type"),
        ({"tuner_type": "full", "freeze_parameters_ratio": 0.5}, "freeze_parameters_ratio"),
        ({"tuner_backend": "unsloth", "rlhf_type": "dpo"}, "tuner_backend"),
        ({"lisa_activated_layers": 2}, "lisa_activated_layers"),
        ({"task_type": "embedding"}, "task_type"),
        ({"tensor_model_parallel_size": 2, "rlhf_type": "grpo"}, "rlhf_type"),
        (
            {"tensor_model_parallel_size": 2, "recompute_granularity": "full", "recompute_method": "block"},
            "recompute_method",
        ),
        ({"tensor_model_parallel_size": 2, "task_type": "embedding"}, "task_type"),
    ],
)
def test_what_is_not_modelled_is_said_at_its_key(more: dict[str, Any], key: str) -> None:
    obstacle = reading(LORA | more).obstacle
    assert obstacle is not None
    assert (obstacle.code, obstacle.key) == ("not-modelled", (key,))


@pytest.mark.parametrize(("workers", "colocated"), [(8, True), (1, False), (None, False)])
def test_before_modes_as_many_engines_as_gpus_shared_them(workers: int | None, colocated: bool) -> None:
    """ms-swift 3.4, llm/argument/rlhf_args.py, _check_grpo."""
    values = {key: value for key, value in GRPO.items() if key != "vllm_mode"}
    if workers is not None:
        values["num_infer_workers"] = workers
    job = job_of(values, gpus=8, versions={"ms-swift": "3.4"})
    assert job.generation is not None
    assert job.generation.colocated is colocated
