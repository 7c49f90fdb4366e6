"""What TRL, by release, and plain Trainer scripts make of a file."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from dialect_reading import expect, job_of, reading

from vramlint.dialects import detect
from vramlint.job import Assumed, FrameworkDefault, Written

SFT = "model_name_or_path: meta-llama/Llama-3.2-1B\ndataset_name: data\n"
LORA = SFT + "use_peft: true\ndtype: bfloat16\n"
PLAIN = "model_name_or_path: meta-llama/Llama-3.2-1B\ndo_train: true\nper_device_train_batch_size: 4\n"


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            SFT,
            {
                "method": "full",
                "objective": "sft",
                "precision.weights": "float32",
                "precision.autocast": "bfloat16",
                "micro_batch_size": 8,
                "gradient_accumulation_steps": 1,
                "sequence_length": 1024,
                "gradient_checkpointing": "full",
                "optimizer": "adamw_torch_fused",
                "loss": "trl-fused-head",
                "loop": "trl@1.16",
                "gradient_clipping": 1.0,
            },
            id="defaults",
        ),
        pytest.param(SFT + "dtype: bfloat16", {"precision.weights": "bfloat16"}, id="dtype"),
        pytest.param(SFT + "dtype: auto", {"precision.weights": "bfloat16"}, id="the checkpoint's"),
        pytest.param(
            SFT + "model_init_kwargs: {dtype: float16}", {"precision.weights": "float16"}, id="kwargs"
        ),
        pytest.param(SFT + "bf16: false", {"precision.autocast": "none"}, id="no autocast"),
        pytest.param(SFT + "fp16: true", {"precision.autocast": "float16"}, id="fp16"),
        pytest.param(SFT + "gradient_checkpointing: false", {"gradient_checkpointing": "none"}, id="no gc"),
        pytest.param(
            SFT + "activation_checkpointing: false", {"gradient_checkpointing": "none"}, id="new name"
        ),
        pytest.param(
            SFT + "gradient_checkpointing_kwargs: {use_reentrant: true}",
            {"gradient_checkpointing": "reentrant"},
            id="reentrant",
        ),
        pytest.param(
            SFT + "activation_checkpointing_kwargs: {every_n_layers: 4}",
            {"gradient_checkpointing": 4},
            id="every",
        ),
        pytest.param(
            SFT + "gradient_checkpointing_kwargs: {selective: true}",
            {"gradient_checkpointing": "selective-op"},
            id="selective",
        ),
        pytest.param(SFT + "activation_offloading: true", {"activation_offload": True}, id="offload"),
        pytest.param(SFT + "max_length: null", {"sequence_length": 2048}, id="uncut"),
        pytest.param(SFT + "packing: true", {"packing": True}, id="packing"),
        pytest.param(SFT + "max_grad_norm: 0", {"gradient_clipping": None}, id="no clipping"),
        pytest.param(
            SFT + "optim: galore_adamw_layerwise\noptim_args: rank=64",
            {"optimizer_in_backward": True, "optimizer_args": {"rank": 64}},
            id="galore",
        ),
        pytest.param(
            LORA,
            {
                "method": "lora",
                "adapter.r": 16,
                "adapter.alpha": 32,
                "adapter.dropout": 0.05,
                "adapter.targets": ("q_proj", "v_proj"),
                "adapter.dtype": "float32",
            },
            id="lora",
        ),
        pytest.param(LORA + "lora_target_modules: all-linear", {"adapter.targets": "all-linear"}, id="all"),
        pytest.param(
            LORA + "lora_target_modules: [all-linear]", {"adapter.targets": "all-linear"}, id="in a list"
        ),
        pytest.param(LORA + "lora_target_modules: [q_proj]", {"adapter.targets": ("q_proj",)}, id="one name"),
        pytest.param(
            LORA + "lora_target_modules: '.*_proj'", {"adapter.targets": ".*_proj"}, id="expression"
        ),
        pytest.param(LORA + "use_dora: true", {"method": "dora"}, id="dora"),
        pytest.param(
            LORA + "load_in_4bit: true",
            {
                "method": "qlora",
                "quantization.scheme": "bnb-nf4",
                "quantization.double_quant": False,
                "quantization.compute": "bfloat16",
                "quantization.kbit_prep": "none",
                "adapter.dtype": "bfloat16",
            },
            id="qlora",
        ),
        pytest.param(
            SFT + "use_peft: true\nload_in_4bit: true",
            {"quantization.compute": "float32", "precision.weights": "float32"},
            id="qlora without dtype",
        ),
        pytest.param(LORA + "load_in_8bit: true", {"quantization.scheme": "bnb-int8"}, id="8 bit"),
        pytest.param(SFT + "attn_implementation: eager", {"attention": "eager"}, id="eager"),
        pytest.param(
            SFT + "attn_implementation: kernels-community/flash-attn2",
            {"attention": "flash_attention_2"},
            id="hub",
        ),
        pytest.param(
            SFT + "precompute_ref_log_probs: true",
            {"objective": "dpo", "reference_model": "none"},
            id="precomputed",
        ),
        pytest.param(
            SFT + "loss_type: sigmoid", {"objective": "dpo", "reference_model": "resident"}, id="dpo"
        ),
        pytest.param(LORA + "loss_type: sigmoid", {"reference_model": "none"}, id="dpo with an adapter"),
        pytest.param(
            SFT + "desirable_weight: 1.0", {"objective": "kto", "reference_model": "resident"}, id="kto"
        ),
        pytest.param(SFT + "center_rewards_coefficient: 0.01", {"objective": "reward"}, id="reward"),
        pytest.param(
            SFT + "num_generations: 4",
            {
                "objective": "grpo",
                "reference_model": "none",
                "generation.completion_length": 512,
                "generation.completions": 4,
                "generation.colocated": False,
                "sequence_length": 1024,
            },
            id="grpo",
        ),
        pytest.param(
            SFT + "num_generations: 4\nuse_vllm: true\nvllm_gpu_memory_utilization: 0.5\nbeta: 0.1",
            {"generation.colocated": True, "generation.memory_fraction": 0.5, "reference_model": "resident"},
            id="colocated",
        ),
        pytest.param(SFT + "teacher_model_name_or_path: x", {"objective": "distillation"}, id="distillation"),
    ],
)
def test_newest_release(config: str, fields: dict[str, Any]) -> None:
    expect(job_of(config), fields)


RAISED = "fp32-norms-embeddings-head"
UNPREPARED = {"quantization.kbit_prep": "none", "parallel.strategy": "fsdp1"}


@pytest.mark.parametrize(
    ("release", "config", "fields"),
    [
        ("1.10", SFT, {"loss": "trl-chunked", "loop": "trl@1.10"}),
        ("1.10", SFT + "loss_type: nll", {"loss": "full-logits"}),
        ("1.10", SFT + "use_liger_kernel: true", {"loss": "fused-linear"}),
        ("1.10", SFT + "loss_type: sigmoid", {"loss": "full-logits"}),
        ("1.10", SFT + "num_generations: 4", {"generation.completion_length": 256}),
        (
            "0.24",
            SFT,
            {"loss": "full-logits", "gradient_checkpointing": "reentrant", "precision.autocast": "bfloat16"},
        ),
        ("0.24", LORA + "load_in_4bit: true", {"quantization.kbit_prep": "fp32-norms"}),
        ("0.24", LORA + "load_in_8bit: true", {"quantization.kbit_prep": RAISED, "adapter.dtype": "float32"}),
        ("0.24", LORA + "load_in_4bit: true\nbf16: false\nfp16: true", {"quantization.kbit_prep": RAISED}),
        ("0.7.4", LORA + "load_in_4bit: true\nbf16: true", {"quantization.kbit_prep": RAISED}),
        (
            "0.12",
            LORA + "load_in_4bit: true\nbf16: true\nfsdp: full_shard auto_wrap\nnum_processes: 2",
            UNPREPARED,
        ),
        (
            "0.7.5",
            LORA + "load_in_4bit: true\nbf16: true\nfsdp: full_shard auto_wrap",
            {"quantization.kbit_prep": "fp32-norms"},
        ),
        ("0.18", SFT, {"gradient_checkpointing": "none", "precision.autocast": "none", "loop": "trl@1.10"}),
        ("0.18", SFT + "num_generations: 4", {"reference_model": "resident"}),
        ("0.12", SFT, {"loop": "trainer"}),
    ],
)
def test_defaults_moved(release: str, config: str, fields: dict[str, Any]) -> None:
    job = job_of(config, versions={"trl": release})
    expect(job, fields)
    assert job.versions["trl"] == release


def test_an_older_spelling_tells_the_release() -> None:
    outcome = reading(SFT + "max_seq_length: 4096\ntorch_dtype: bfloat16")
    assert outcome.version == "0.18"
    assert outcome.job is not None
    expect(outcome.job, {"sequence_length": 4096, "precision.weights": "bfloat16", "loss": "full-logits"})
    assert [problem.kind for problem in outcome.problems] == ["older-release"]


@pytest.mark.parametrize(
    ("config", "versions", "fields"),
    [
        (PLAIN, {}, {"precision.weights": "bfloat16", "precision.autocast": "none", "loss": "full-logits"}),
        (PLAIN, {"transformers": "4.57"}, {"precision.weights": "float32"}),
        (PLAIN, {}, {"gradient_checkpointing": "none", "loop": "trainer", "micro_batch_size": 4}),
        (
            PLAIN + "bf16: true\nblock_size: 2048",
            {},
            {"precision.autocast": "bfloat16", "sequence_length": 2048},
        ),
        (PLAIN + "use_liger_kernel: true", {}, {"loss": "fused-linear"}),
    ],
)
def test_plain_trainer_scripts(config: str, versions: dict[str, str], fields: dict[str, Any]) -> None:
    expect(job_of(config, versions=versions), fields)


def test_arguments_without_a_model() -> None:
    outcome = reading(
        "output_dir: out\nper_device_train_batch_size: 2\nbf16: true\ndataset_train_split: train"
    )
    assert outcome.job is None
    assert outcome.obstacle is not None
    assert outcome.obstacle.code == "no-model"


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(SFT, {"parallel.strategy": "ddp", "parallel.data": 8}, id="ddp"),
        pytest.param(SFT + "num_processes: 4", {"parallel.data": 4}, id="stated"),
        pytest.param(
            SFT + "dtype: bfloat16\naccelerate_config: fsdp2",
            {
                "parallel.strategy": "fsdp2",
                "parallel.data": 8,
                "precision.weights": "float32",
                "precision.autocast": "bfloat16",
                "parallel.param_dtype": "bfloat16",
            },
            id="fsdp2 of the launcher",
        ),
        pytest.param(
            SFT + "accelerate_config: zero3\nnum_processes: 2",
            {
                "parallel.strategy": "zero3",
                "parallel.data": 2,
                "precision.weights": "bfloat16",
                "precision.master_weights": "float32",
            },
            id="zero3 of the launcher",
        ),
        pytest.param(
            LORA + "fsdp: full_shard auto_wrap offload",
            {"parallel.strategy": "fsdp2", "parallel.offload": "both", "precision.weights": "bfloat16"},
            id="words",
        ),
        pytest.param(
            SFT + "gradient_checkpointing: false\nfsdp: true\n"
            "fsdp_config: {version: 1, activation_checkpointing: true, reshard_after_forward: false}",
            {"parallel.strategy": "fsdp1", "gradient_checkpointing": "full", "parallel.sharding": "grad-op"},
            id="fsdp config",
        ),
        pytest.param(
            LORA
            + "deepspeed: {zero_optimization: {stage: 2, reduce_bucket_size: 1000}, bf16: {enabled: auto}}",
            {
                "parallel.strategy": "zero2",
                "adapter.dtype": "bfloat16",
                "parallel.buckets.reduce": 1000,
                "precision.optimizer_states": "float32",
            },
            id="inline",
        ),
    ],
)
def test_eight_gpus(config: str, fields: dict[str, Any]) -> None:
    expect(job_of(config, gpus=8), fields)


@pytest.mark.parametrize(
    ("release", "words", "strategy", "wrap"),
    [
        ("4.46", "full_shard auto_wrap", "fsdp1", "layer"),
        ("5.9", "full_shard", "fsdp1", "none"),
        ("5.9", "true", "fsdp1", "none"),
        ("5.10", "full_shard", "fsdp2", "layer"),
    ],
)
def test_fsdp_of_the_trainer_by_release(release: str, words: str, strategy: str, wrap: str) -> None:
    config = f"{SFT}fsdp: {words}\nfsdp_config: {{transformer_layer_cls_to_wrap: [LlamaDecoderLayer]}}"
    job = job_of(config, gpus=8, versions={"transformers": release})
    assert (job.parallel.strategy, job.parallel.wrap) == (strategy, wrap)


def test_fsdp2_by_release_of_accelerate() -> None:
    weights = {
        release: job_of(LORA + "fsdp: true", gpus=8, versions={"accelerate": release}).precision.weights
        for release in ("1.12", "1.13.0", "1.15")
    }
    assert weights == {"1.12": "float32", "1.13.0": "bfloat16", "1.15": "bfloat16"}


def test_a_launcher_file() -> None:
    launcher = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "DEEPSPEED",
        "num_processes": 16,
        "num_machines": 2,
        "mixed_precision": "bf16",
        "deepspeed_config": {"zero_stage": 3, "offload_optimizer_device": "cpu"},
    }
    outcome = reading(SFT + "accelerate_config: a.yaml", files={"a.yaml": launcher})
    assert outcome.job is not None
    expect(
        outcome.job,
        {"parallel.strategy": "zero3", "parallel.data": 16, "parallel.offload": "optimizer"},
    )
    assert outcome.companions == ("a.yaml",)
    assert outcome.job.origin("parallel.data") == Written(("num_processes",), "a.yaml")
    assert outcome.job.origin("parallel.strategy") == Written(("deepspeed_config", "zero_stage"), "a.yaml")


@pytest.mark.parametrize(
    ("keys", "objective", "loss"),
    [
        ("beta: 0.1\ndisable_dropout: true\n", "orpo", "full-logits"),
        ("beta: 0.1\noutput_dir: out/llama-orpo\n", "orpo", "full-logits"),
        ("simpo_gamma: 0.5\n", "orpo", "full-logits"),
        ("beta: 0.1\nloss_type: sigmoid\ndisable_dropout: true\n", "dpo", "trl-fused-head"),
        ("beta: 0.1\noutput_dir: out/llama-dpo\ndisable_dropout: true\n", "dpo", "trl-fused-head"),
        ("beta: 0.1\n", "dpo", "trl-fused-head"),
        ("output_dir: out/sft-before-dpo\n", "sft", "trl-fused-head"),
        ("teacher_model_name_or_path: t\nlmbda: 0.5\n", "distillation", "full-logits"),
        ("teacher_model_name_or_path: t\nlmbda: 0.5\nbeta: 0\n", "distillation", "forward-kl"),
        ("teacher_model_name_or_path: t\nlmbda: 0.5\nbeta: 1.0\n", "distillation", "reverse-kl"),
        ("teacher_model_name_or_path: t\nmax_completion_length: 9\n", "distillation", "trl-fused-head"),
    ],
)
def test_the_method_and_where_its_logits_live(keys: str, objective: str, loss: str) -> None:
    expect(job_of(SFT + keys), {"objective": objective, "loss": loss})


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (SFT + "bf16: true\nfp16: true", "two-mixed-precisions"),
        (LORA + "load_in_4bit: true\nload_in_8bit: true", "two-quantizations"),
        (SFT + "dataset_train_split: train\nload_in_4bit: true", "quantized-without-adapter"),
        (SFT + "dataset_train_split: train\nlora_r: 8", "adapter-keys-alone"),
        (LORA + "load_in_4bit: true\nfsdp: true", "unsharded-quantized-base"),
        (LORA + "lora_target_modules: [q_proj, lm_head]", "adapted-head"),
        (SFT + "padding_free: true\nmax_length: 512", "padding-free-with-length"),
        (SFT + "fsdp: hybrid_shard\nfsdp_config: {version: 2}", "fsdp1-strategy"),
        (SFT + "use_peft: false\nlora_r: 8", "adapter-switched-off"),
        (SFT + "use_peft: true\nload_in_4bit: true", "float32-compute"),
        (SFT + "generation_batch_size: 8\nsteps_per_generation: 2", "two-generation-sizes"),
        (SFT + "generation_batch_size: 6\nnum_generations: 4", "indivisible-generation"),
        (SFT + "num_generations: 1", "single-generation"),
        (SFT + "num_generations: 4\nauto_find_batch_size: true", "batch-search-with-generation"),
        (SFT + "sync_ref_model: true\nbeta: 0.0", "synced-reference"),
        (SFT + "loss_type: kto\nper_device_train_batch_size: 1", "single-kto-row"),
        (
            "model_name_or_path: microsoft/Phi-3-mini-4k-instruct\nuse_peft: true\ndtype: auto",
            "no-default-targets",
        ),
    ],
)
def test_what_trl_refuses_or_ignores(config: str, kind: str) -> None:
    assert kind in {problem.kind for problem in reading(config).problems}


@pytest.mark.parametrize("config", [SFT, LORA, LORA + "load_in_4bit: true", PLAIN])
def test_sound_files_have_no_problems(config: str) -> None:
    assert reading(config).problems == ()


def test_origins() -> None:
    job = job_of(LORA + "max_length: 4096")
    assert job.origin("sequence_length") == Written(("max_length",))
    assert job.origin("precision.weights") == Written(("dtype",))
    assert job.origin("gradient_checkpointing") == FrameworkDefault("trl", "1.16")
    assert isinstance(job.origin("objective"), Assumed)


def test_the_old_way_to_name_vllms_gpu_dates_the_recipe() -> None:
    """trl 0.17 was the last with vllm_device; its beta was 0.04, which loads a reference model."""
    recipe = SFT + "num_generations: 7\nuse_vllm: true\n"
    old, new = job_of(recipe + "vllm_device: auto"), job_of(recipe)
    assert (old.reference_model, new.reference_model) == ("resident", "none")
    assert old.generation is not None
    assert not old.generation.colocated


def test_a_loop_of_its_own_takes_its_engine_from_the_launcher() -> None:
    """open-instruct's finetune.py knows no `deepspeed`; a Trainer does."""
    for mark, written in (("with_tracking: true\n", False), ("", True)):
        values = yaml.safe_load(
            "model_name_or_path: Qwen/Qwen2.5-1.5B\ndataset_name: x\noutput_dir: out\nlearning_rate: 1e-5\n"
            "per_device_train_batch_size: 1\nmax_seq_length: 2048\n" + mark
        )
        dialect = detect(values).dialect
        assert dialect is not None
        keys = dialect.edits(values, job_of(values), {"parallel.strategy": "zero3"})
        assert bool(keys) == written
