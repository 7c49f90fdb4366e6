"""What NeMo Automodel makes of its files (0.7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from dialect_reading import expect, job_of, reading

from vramlint.job import Open
from vramlint.memory import estimate_job

EXAMPLE = Path(__file__).parents[2] / "examples" / "nemo-automodel-llama-3.1-8b-lora.yaml"
BASE: dict[str, Any] = {
    "recipe": "TrainFinetuneRecipeForNextTokenPrediction",
    "step_scheduler": {"global_batch_size": 64, "local_batch_size": 2},
    "model": {
        "_target_": "nemo_automodel.NeMoAutoModelForCausalLM.from_pretrained",
        "pretrained_model_name_or_path": "meta-llama/Llama-3.2-1B",
    },
    "distributed": {"strategy": "fsdp2", "dp_size": "none", "tp_size": 1, "cp_size": 1},
    "loss_fn": {"_target_": "nemo_automodel.components.loss.masked_ce.MaskedCrossEntropy"},
    "packed_sequence": {"packed_sequence_size": 4096},
    "optimizer": {"_target_": "torch.optim.AdamW", "lr": 1e-5},
}
VISION: dict[str, Any] = {
    "recipe": "FinetuneRecipeForVLM",
    "step_scheduler": {"global_batch_size": 8, "local_batch_size": 1},
    "model": {
        "_target_": "nemo_automodel.NeMoAutoModelForImageTextToText.from_pretrained",
        "pretrained_model_name_or_path": "Qwen/Qwen2.5-VL-3B-Instruct",
    },
    "distributed": {"strategy": "fsdp2"},
    "optimizer": {"_target_": "torch.optim.AdamW"},
    "dataloader": {"collate_fn": {"max_length": 1024}},
    "freeze_config": {"freeze_vision_tower": True, "freeze_language_model": False},
}
TE_ADAM = "transformer_engine.pytorch.optimizers.fused_adam.FusedAdam"
PEFT = {"_target_": "nemo_automodel.components._peft.lora.PeftConfig", "dim": 16}


def changed(**sections: Any) -> dict[str, Any]:
    """A file with sections replaced, or mixed into those that are there."""
    return BASE | {
        name: BASE[name] | value if isinstance(BASE.get(name), dict) and isinstance(value, dict) else value
        for name, value in sections.items()
    }


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            BASE,
            {
                "objective": "sft",
                "method": "full",
                "precision.weights": "bfloat16",
                "parallel.strategy": "fsdp2",
                "parallel.data": 8,
                "parallel.param_dtype": "bfloat16",
                "parallel.reduce_dtype": "float32",
                "parallel.sync_each_batch": False,
                "gradient_accumulation_steps": 4,
                "sequence_length": 4096,
                "packing": True,
                "gradient_checkpointing": "none",
                "loss": "full-logits",
                "optimizer": "adamw_torch",
                "gradient_clipping": 1.0,
            },
            id="what is left out",
        ),
        pytest.param(
            changed(
                model={"torch_dtype": "float32"},
                distributed={
                    "tp_size": 2,
                    "dp_replicate_size": 2,
                    "activation_checkpointing": True,
                    "defer_fsdp_grad_sync": False,
                    "mp_policy": {"param_dtype": "torch.float32"},
                },
            ),
            {
                "precision.weights": "float32",
                "parallel.tensor": 2,
                "parallel.replicate": 2,
                "parallel.data": 2,
                "parallel.sync_each_batch": True,
                "parallel.param_dtype": "none",
                "gradient_checkpointing": ("norm", "attention", "mlp"),
            },
            id="float32, tensor-parallel, modules recomputed",
        ),
        pytest.param(
            changed(distributed={"activation_checkpointing": "selective", "reshard_after_forward": False}),
            {"gradient_checkpointing": "selective-op", "parallel.sharding": "grad-op"},
            id="operations recomputed, weights kept",
        ),
        pytest.param(
            changed(optimizer={"_target_": TE_ADAM, "master_weights": True}),
            {
                "optimizer": "adamw_torch_fused",
                "precision.master_weights": "float32",
                "precision.optimizer_states": "float32",
            },
            id="fused adam over 16-bit weights",
        ),
        pytest.param(
            changed(
                step_scheduler={"global_batch_size": 64, "local_batch_size": 8},
                distributed={
                    "pp_size": 4,
                    "pipeline": {
                        "pp_schedule": "interleaved1f1b",
                        "pp_microbatch_size": 2,
                        "layers_per_stage": 2,
                    },
                },
            ),
            {
                "parallel.pipeline": 4,
                "parallel.data": 2,
                "parallel.schedule": "interleaved",
                "parallel.virtual_pipeline": 2,
                "parallel.sharding": "grad-op",
                "micro_batch_size": 2,
                "gradient_accumulation_steps": 16,
            },
            id="pipeline",
        ),
        pytest.param(
            changed(distributed={"strategy": "ddp"}),
            {"parallel.strategy": "ddp", "parallel.data": 8},
            id="ddp",
        ),
        pytest.param(
            changed(peft=PEFT | {"target_modules": ["*_proj"]}),
            {
                "method": "lora",
                "adapter.r": 16,
                "adapter.targets": r"(?:.*_proj)",
                "adapter.dtype": "same-as-base",
            },
            id="lora on names with a star",
        ),
        pytest.param(
            changed(
                peft=PEFT | {"match_all_linear": True},
                quantization={"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
            ),
            {"method": "qlora", "adapter.targets": ".*", "quantization.scheme": "bnb-nf4"},
            id="qlora",
        ),
        pytest.param(
            changed(
                loss_fn={"_target_": "nemo_automodel.components.loss.linear_ce.FusedLinearCrossEntropy"},
                optimizer={"fused": True},
                dataset={"seq_length": 1024},
                packed_sequence={"packed_sequence_size": 0},
            ),
            {
                "loss": "fused-linear",
                "optimizer": "adamw_torch_fused",
                "sequence_length": 1024,
                "packing": False,
            },
            id="no whole logits, a length of samples",
        ),
        pytest.param(
            changed(
                model={
                    "_target_": "nemo_automodel.NeMoAutoModelForCausalLM.from_config",
                    "pretrained_model_name_or_path": None,
                    "config": "meta-llama/Llama-3.2-1B",
                }
            ),
            {"precision.weights": "bfloat16"},
            id="a model that is made anew",
        ),
    ],
)
def test_fields(config: dict[str, Any], fields: dict[str, Any]) -> None:
    expect(job_of(config, gpus=8), fields)


def test_a_teacher_is_counted_and_its_logits_are_not() -> None:
    job = job_of(
        changed(
            recipe="KnowledgeDistillationRecipeForNextTokenPrediction",
            teacher_model={
                "_target_": "nemo_automodel.NeMoAutoModelForCausalLM.from_pretrained",
                "pretrained_model_name_or_path": "meta-llama/Llama-3.2-3B",
                "torch_dtype": "float32",
            },
        )
    )
    expect(job, {"roles.teacher.name": "meta-llama/Llama-3.2-3B", "roles.dtype": "float32"})
    assert isinstance(job.origin("loss"), Open)


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        ({"_target_": "torch.optim.Adam"}, "adamw_torch"),
        ({"_target_": "torch.optim.Adam", "fused": True}, "adamw_torch_fused"),
        ({"_target_": "torch.optim.AdamW", "foreach": False}, "adamw_torch_single"),
        ({"_target_": "bitsandbytes.optim.AdamW8bit"}, "adamw_8bit"),
    ],
)
def test_optimizers(optimizer: dict[str, Any], name: str) -> None:
    assert job_of(BASE | {"optimizer": optimizer}).optimizer == name


def trained(config: dict[str, Any]) -> int:
    return estimate_job(job_of(config)).trainable_parameters


def test_a_tower_is_frozen_unless_the_file_says_otherwise() -> None:
    unfrozen = {name: value for name, value in VISION.items() if name != "freeze_config"}
    whole = trained(unfrozen)
    assert whole == trained(VISION | {"freeze_config": {"freeze_vision_tower": False}})
    text = trained(VISION)
    assert text == trained(VISION | {"freeze_config": {"freeze_audio_tower": True}}) < whole
    assert 600e6 < whole - text < 700e6  # the tower and what merges its patches


def test_rows_with_images_are_as_long_as_the_collator_cuts_them() -> None:
    assert job_of(VISION).sequence_length == 1024
    packed = job_of(VISION | {"packed_sequence": {"pack_size": 4096, "max_length": 2048}})
    assert (packed.sequence_length, packed.packing) == (4096, True)


@pytest.mark.parametrize(
    ("peft", "pattern"),
    [
        ({"exclude_modules": ["*visual*", "*lm_head*"]}, r"(?!(?:.*visual.*|.*lm_head.*)\Z).*"),
        ({"target_modules": ["*.layers.1.*.q_proj"]}, r"(?:.*\.layers\.1(?:\..*)?\.q_proj)"),
        ({}, r"(?:.*_proj)"),
    ],
)
def test_linears_by_pattern(peft: dict[str, Any], pattern: str) -> None:
    assert job_of(changed(peft=PEFT | peft)).adapter.targets == pattern


def test_an_adapter_keeps_out_of_a_frozen_tower() -> None:
    both = VISION | {"peft": PEFT | {"match_all_linear": True}}
    language = VISION | {"peft": PEFT | {"exclude_modules": ["*visual*"]}}
    assert trained(both) == trained(language) > 0


def test_one_gpu_shares_nothing() -> None:
    assert job_of(BASE).parallel.strategy == "none"


def test_a_length_that_nobody_writes_is_open() -> None:
    job = job_of(changed(packed_sequence={"packed_sequence_size": 0}))
    assert isinstance(job.origin("sequence_length"), Open)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (changed(recipe="TrainEagle3Recipe"), ("recipe",)),
        (changed(model={"_target_": "own.Model.from_pretrained"}), ("model", "_target_")),
        (changed(recipe="FinetuneRecipeForVLM"), ("model", "pretrained_model_name_or_path")),
        (VISION | {"distributed": {"tp_size": 2}}, ("distributed", "tp_size")),
        (
            VISION | {"freeze_config": {"freeze_modules": [{"glob": "*.visual"}]}},
            ("freeze_config", "freeze_modules"),
        ),
        (
            VISION | {"freeze_config": {"freeze_language_model": True}},
            ("freeze_config", "freeze_language_model"),
        ),
        (changed(distributed={"strategy": "megatron_fsdp"}), ("distributed", "strategy")),
        (changed(optimizer={"_target_": "flashoptim.FlashAdamW"}), ("optimizer", "_target_")),
        (changed(fp8={"enabled": True}), ("fp8", "enabled")),
        (changed(separate_meshes=True), ("separate_meshes",)),
        (
            changed(optimizer={"_target_": TE_ADAM, "master_weights": True, "store_param_remainders": True}),
            ("optimizer", "store_param_remainders"),
        ),
        (
            changed(optimizer={"_target_": TE_ADAM, "exp_avg_dtype": "torch.uint8"}),
            ("optimizer", "exp_avg_dtype"),
        ),
    ],
)
def test_what_is_not_modelled_is_named_at_its_key(config: dict[str, Any], key: tuple[str, ...]) -> None:
    obstacle = reading(config).obstacle
    assert obstacle is not None
    assert obstacle.code == "not-modelled"
    assert obstacle.key == key


def test_the_example_is_recognised() -> None:
    expect(job_of(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))), {"method": "lora", "packing": True})
