"""What torchtune's recipes make of a file."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from dialect_reading import edited, expect, job_of, reading, value_at

from vramlint.catalog.facts import Model
from vramlint.dialects.torchtune.models import family_and_size
from vramlint.dialects.torchtune.read import DIALECT, UNBOUNDED
from vramlint.job import Assumed, Written
from vramlint.memory import estimate_job

FULL: dict[str, Any] = {
    "output_dir": "/tmp/out",
    "model": {"_component_": "torchtune.models.llama3_1.llama3_1_8b"},
    "tokenizer": {"_component_": "torchtune.models.llama3.llama3_tokenizer", "max_seq_len": 4096},
    "dataset": {"_component_": "torchtune.datasets.alpaca_dataset", "packed": False},
    "optimizer": {"_component_": "torch.optim.AdamW", "fused": True, "lr": "2e-5"},
    "loss": {"_component_": "torchtune.modules.loss.LinearCrossEntropyLoss"},
    "batch_size": 2,
    "epochs": 1,
    "dtype": "bf16",
}
LORA = FULL | {
    "model": {
        "_component_": "torchtune.models.llama3_1.lora_llama3_1_8b",
        "lora_attn_modules": ["q_proj", "v_proj", "output_proj"],
        "apply_lora_to_mlp": True,
        "lora_rank": 16,
        "lora_alpha": 32,
    }
}


def changed(base: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A config with values set; `a__b` stands for the key b in section a."""
    out = copy.deepcopy(base)
    for name, value in values.items():
        section, _, key = name.partition("__")
        if key:
            out.setdefault(section, {})[key] = value
        else:
            out[section] = value
    return out


QLORA = changed(LORA, model___component_="torchtune.models.llama3_1.qlora_llama3_1_8b")


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            FULL,
            {
                "model.name": "meta-llama/Llama-3.1-8B",
                "method": "full",
                "objective": "sft",
                "precision.weights": "bfloat16",
                "precision.autocast": "none",
                "precision.master_weights": "none",
                "optimizer": "adamw_torch_fused",
                "micro_batch_size": 2,
                "gradient_accumulation_steps": 1,
                "sequence_length": 4096,
                "gradient_checkpointing": "none",
                "loss": 8,
                "loop": "freed",
                "gradient_clipping": None,
                "parallel.strategy": "none",
            },
            id="full",
        ),
        pytest.param(
            LORA,
            {
                "method": "lora",
                "adapter.r": 16,
                "adapter.alpha": 32,
                "adapter.dtype": "same-as-base",
                "adapter.targets": ("q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
                "quantization": None,
            },
            id="lora",
        ),
        pytest.param(
            QLORA,
            {
                "method": "qlora",
                "quantization.scheme": "torchao-nf4",
                "quantization.double_quant": True,
                "quantization.compute": "bfloat16",
            },
            id="qlora",
        ),
        pytest.param(changed(LORA, model__quantize_base=True), {"method": "qlora"}, id="quantize_base"),
        pytest.param(
            changed(LORA, model___component_="torchtune.models.llama3_1.qdora_llama3_1_8b"),
            {"method": "dora", "quantization.scheme": "torchao-nf4"},
            id="qdora",
        ),
        pytest.param(
            changed(LORA, model__apply_lora_to_mlp=False, model__apply_lora_to_output=True),
            {"adapter.targets": ("q_proj", "v_proj", "o_proj", "lm_head")},
            id="output projection",
        ),
        pytest.param(
            changed(LORA, model___component_="torchtune.models.phi3.lora_phi3_mini"),
            {"adapter.targets": ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")},
            id="linears that the hub fuses",
        ),
        pytest.param(changed(FULL, dtype="fp32"), {"precision.weights": "float32"}, id="fp32"),
        pytest.param(
            changed(FULL, enable_activation_checkpointing=True, enable_activation_offloading=True),
            {"gradient_checkpointing": "full", "activation_offload": True},
            id="checkpointing",
        ),
        pytest.param(changed(FULL, ac_mode="selective", ac_option=2), {"gradient_checkpointing": 2}, id="ac"),
        pytest.param(
            changed(FULL, optimizer___component_="bitsandbytes.optim.PagedAdamW8bit", optimizer_in_bwd=True),
            {"optimizer": "paged_adamw_8bit", "optimizer_in_backward": True},
            id="bitsandbytes",
        ),
        pytest.param(
            changed(FULL, optimizer___component_="torchao.optim.AdamW8bit"),
            {"optimizer": "adamw_torch_8bit"},
            id="torchao",
        ),
        pytest.param(
            changed(FULL, loss={"_component_": "torch.nn.CrossEntropyLoss"}),
            {"loss": "full-logits"},
            id="plain",
        ),
        pytest.param(changed(FULL, loss__num_output_chunks=16), {"loss": 16}, id="chunks"),
        pytest.param(changed(FULL, compile={"model": True, "loss": False}), {"compile": True}, id="compile"),
        pytest.param(
            changed(FULL, dataset__packed=True), {"packing": True, "attention": "flex"}, id="packed"
        ),
        pytest.param(
            changed(FULL, loss={"_component_": "torchtune.rlhf.loss.DPOLoss"}, ref_checkpointer={}),
            {"objective": "dpo", "reference_model": "resident", "loss": "full-logits"},
            id="full DPO",
        ),
        pytest.param(
            changed(LORA, loss={"_component_": "torchtune.rlhf.loss.DPOLoss"}),
            {"objective": "dpo", "reference_model": "none"},
            id="LoRA DPO",
        ),
        pytest.param(
            changed(
                FULL,
                batch_size="${rows}",
                rows=3,
                tokenizer__max_seq_len="${limits.length}",
                limits={"length": 512},
            ),
            {"micro_batch_size": 3, "sequence_length": 512},
            id="references",
        ),
    ],
)
def test_one_gpu(config: dict[str, Any], fields: dict[str, Any]) -> None:
    expect(job_of(config), fields)


@pytest.mark.parametrize(
    ("config", "gpus", "fields"),
    [
        (FULL, 8, {"parallel.strategy": "fsdp2", "parallel.data": 8, "parallel.param_dtype": "none"}),
        (changed(FULL, fsdp_reshard_after_forward=False), 8, {"parallel.sharding": "grad-op"}),
        (changed(FULL, fsdp_cpu_offload=True), 8, {"parallel.offload": "both"}),
        (
            changed(FULL, tensor_parallel_dim=2, tensor_parallel_plan={}, data_parallel_replicate_dim=2),
            8,
            {"parallel.tensor": 2, "parallel.replicate": 2, "parallel.data": 2},
        ),
    ],
)
def test_several_gpus(config: dict[str, Any], gpus: int, fields: dict[str, Any]) -> None:
    expect(job_of(config, gpus=gpus), fields)


@pytest.mark.parametrize(
    ("config", "kind", "key"),
    [
        (changed(FULL, dtype="fp16"), "fp16-refused", "dtype"),
        (
            changed(FULL, optimizer_in_bwd=True, gradient_accumulation_steps=4),
            "in-backward-conflict",
            "optimizer_in_bwd",
        ),
        (
            changed(FULL, optimizer_in_bwd=True, clip_grad_norm=1.0),
            "in-backward-conflict",
            "optimizer_in_bwd",
        ),
        (
            changed(FULL, enable_activation_offloading=True),
            "offload-without-checkpointing",
            "enable_activation_offloading",
        ),
        (
            changed(FULL, dataset__packed=True, tokenizer__max_seq_len=None),
            "packed-without-length",
            "dataset.packed",
        ),
        (
            changed(FULL, tensor_parallel_dim=2, tensor_parallel_plan={}),
            "degrees-exceed-world",
            "tensor_parallel_dim",
        ),
    ],
)
def test_what_the_recipes_refuse(config: dict[str, Any], kind: str, key: str) -> None:
    found = [
        (problem.kind, ".".join(map(str, problem.key)), problem.severity)
        for problem in reading(config).problems
    ]
    assert found == [(kind, key, "error")]


def test_clean_files_have_no_problems() -> None:
    for config in (FULL, LORA, QLORA):
        assert reading(config).problems == ()


def test_an_unbounded_length_is_an_assumption_that_says_so() -> None:
    job = job_of(changed(FULL, tokenizer__max_seq_len=None))
    assert job.sequence_length == UNBOUNDED
    origin = job.origin("sequence_length")
    assert isinstance(origin, Assumed)
    assert "longest sample" in origin.reason
    assert job_of(FULL).origin("sequence_length") == Written(("tokenizer", "max_seq_len"))


def test_generic_builders_take_their_dimensions_from_the_file() -> None:
    dimensions = {
        "vocab_size": 32000,
        "num_layers": 22,
        "num_heads": 32,
        "num_kv_heads": 4,
        "embed_dim": 2048,
    }
    job = job_of(
        changed(
            FULL,
            model={"_component_": "torchtune.models.llama2.llama2", "intermediate_dim": 5632, **dimensions},
        )
    )
    assert job.model.config["num_hidden_layers"] == 22
    assert job.model.config["intermediate_size"] == 5632


def test_a_teacher_is_a_second_model_beside_the_student() -> None:
    builder = "torchtune.models.llama3.llama3_8b"
    taught = job_of(changed(LORA, teacher_model={"_component_": builder}))
    assert isinstance(taught.roles.teacher, Model)
    more, less = (estimate_job(each) for each in (taught, job_of(LORA)))
    assert more.sizes["weights"] - less.sizes["weights"] == pytest.approx(2 * 8.03e9, rel=0.01)
    assert more.unknown, "the divergence is not counted"
    unheard = changed(LORA, teacher_model={"_component_": "torchtune.models.unheard.of_7b"})
    assert job_of(unheard).roles.teacher == "unknown"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (changed(FULL, orchestration={"num_training_workers": 2}), "not-modelled"),
        (changed(FULL, model={"_component_": "torchtune.models.unheard.of_7b"}), "unknown-model"),
        ({"model": FULL["model"], "tokenizer": FULL["tokenizer"]}, "not-a-training-file"),
    ],
)
def test_files_without_a_job(config: dict[str, Any], code: str) -> None:
    obstacle = reading(config).obstacle
    assert obstacle is not None
    assert obstacle.code == code


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (FULL, {"gradient_checkpointing": "full"}),
        (FULL, {"micro_batch_size": 1, "gradient_accumulation_steps": 2}),
        (FULL, {"sequence_length": 1024}),
        (FULL, {"optimizer": "adamw_8bit"}),
        (FULL, {"optimizer": "paged_adamw_8bit"}),
        (FULL, {"optimizer_in_backward": True}),
        (LORA, {"method": "qlora"}),
        (QLORA, {"method": "lora"}),
        (LORA, {"adapter.r": 8}),
        (changed(FULL, dtype="fp32"), {"precision.weights": "bfloat16"}),
    ],
    ids=str,
)
def test_edits_read_back_as_what_was_asked(config: dict[str, Any], changes: dict[str, Any]) -> None:
    edits = DIALECT.edits(config, job_of(config), changes)
    assert edits
    job = job_of(edited(config, edits))
    assert {name: value_at(job, name) for name in changes} == changes


def test_another_recipe_is_no_edit() -> None:
    assert DIALECT.edits(FULL, job_of(FULL), {"method": "lora"}) is None


PPO = """
tokenizer: {_component_: torchtune.models.mistral.mistral_tokenizer, max_seq_len: 512}
policy_model: {_component_: torchtune.models.mistral.mistral_7b}
reward_and_value_model: {_component_: torchtune.modules.classifier_model}
batch_size: 64
ppo_batch_size: 32
forward_batch_size: 16
gradient_accumulation_steps: 4
max_generated_tokens: 58
optimizer: {_component_: bitsandbytes.optim.PagedAdamW}
loss: {_component_: torchtune.rlhf.loss.PPOLoss}
dtype: bf16
"""


def test_ppo_runs_on_one_gpu_in_parts_of_its_own_batch() -> None:
    """Backward passes of ppo_batch_size / gradient_accumulation_steps rows; completions of 16."""
    job = job_of(PPO, gpus=8)
    assert job.parallel.world_size == 1
    assert (job.micro_batch_size, job.gradient_accumulation_steps, job.sequence_length) == (8, 4, 570)
    assert job.generation is not None
    assert (job.generation.batch, job.generation.completion_length) == (16, 58)


@pytest.mark.parametrize(
    ("component", "words"),
    [
        ("torchtune.models.llama3_1.lora_llama3_1_70b", "llama3_1 70B"),
        ("torchtune.models.qwen2.qwen2_0_5b", "qwen2 0.5B"),
        ("torchtune.models.qwen2_5.lora_qwen2_5_14b_instruct", "qwen2_5 14B_instruct"),
        ("torchtune.models.phi3.qlora_phi3_mini", "phi3 mini"),
        ("torchtune.models.llama3_2_vision.lora_llama3_2_vision_11b", "llama3_2_vision 11B"),
        ("torchtune.models.mistral.mistral_7b", "mistral 7B"),
    ],
)
def test_a_builder_by_family_and_size(component: str, words: str) -> None:
    assert family_and_size(component) == words


def test_a_config_without_an_optimizer_evaluates() -> None:
    evaluates = {name: FULL[name] for name in ("model", "tokenizer", "dtype", "batch_size")}
    result = reading(evaluates | {"tasks": ["truthfulqa_mc2"], "limit": None})
    assert result.obstacle is not None
    assert result.obstacle.code == "not-a-training-file"


def test_gradients_may_leave_with_the_states() -> None:
    """`offload_gradients` of torchao's optimizer on the host frees each as it arrives; accumulation is not
    refused.
    """
    away = changed(FULL, optimizer={"_component_": "torchao.optim.CPUOffloadOptimizer"})
    freed = changed(away, optimizer__offload_gradients=True)
    held, gone = (estimate_job(job_of(each)).component_sizes for each in (away, freed))
    assert held["gradients"] == pytest.approx(2 * 8_030_261_248, rel=0.01)
    assert gone["gradients"] < held["gradients"] / 10
    assert gone["optimizer_states"] == held["optimizer_states"] == 0
    assert reading(freed).problems == ()
