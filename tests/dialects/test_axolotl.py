"""What axolotl makes of a file."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_reading import expect, job_of, reading

from vramlint.job import FrameworkDefault, Written
from vramlint.memory import estimate_job

BASE = "base_model: NousResearch/Llama-3.2-1B\ndatasets: [{path: data, type: alpaca}]\n"
LORA = BASE + "adapter: lora\nlora_r: 16\nlora_alpha: 32\nlora_target_linear: true\n"
QLORA = LORA.replace("adapter: lora", "adapter: qlora") + "load_in_4bit: true\n"


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            BASE,
            {
                "method": "full",
                "precision.weights": "bfloat16",
                "precision.autocast": "bfloat16",
                "precision.master_weights": "none",
                "precision.fp32_modules": ("norms", "embeddings", "head"),
                "micro_batch_size": 1,
                "sequence_length": 512,
                "gradient_checkpointing": "none",
                "optimizer": "adamw_torch_fused",
                "loss": "full-logits",
                "loop": "trainer",
                "attention": "sdpa",
            },
            id="defaults",
        ),
        pytest.param(BASE + "flash_attention: true", {"precision.fp32_modules": ()}, id="flash keeps bf16"),
        pytest.param(BASE + "eager_attention: true", {"attention": "eager"}, id="eager"),
        pytest.param(
            BASE + "attn_implementation: flash_attention_2", {"attention": "flash_attention_2"}, id="by name"
        ),
        pytest.param(BASE + "bf16: full", {"precision.autocast": "none"}, id="bf16 full"),
        pytest.param(
            BASE + "bf16: false",
            {"precision.weights": "float32", "precision.autocast": "none", "precision.fp32_modules": ()},
            id="float32",
        ),
        pytest.param(BASE + "bf16: false\nfp16: true", {"precision.weights": "float16"}, id="fp16"),
        pytest.param(
            BASE + "gradient_checkpointing: true", {"gradient_checkpointing": "reentrant"}, id="sft"
        ),
        pytest.param(
            BASE + "gradient_checkpointing: true\ngradient_checkpointing_kwargs: {use_reentrant: false}",
            {"gradient_checkpointing": "full"},
            id="not reentrant",
        ),
        pytest.param(
            BASE + "gradient_checkpointing: true\nrl: dpo", {"gradient_checkpointing": "full"}, id="rl"
        ),
        pytest.param(
            LORA + "gradient_checkpointing: true\nactivation_offloading: true",
            {"gradient_checkpointing": "none", "activation_offload": True},
            id="offloading in place of recomputation",
        ),
        pytest.param(
            LORA + "gradient_checkpointing: true\nactivation_offloading: legacy",
            {"gradient_checkpointing": "reentrant", "activation_offload": True},
            id="offloading beside recomputation",
        ),
        pytest.param(
            LORA,
            {
                "method": "lora",
                "adapter.r": 16,
                "adapter.alpha": 32.0,
                "adapter.targets": "all-linear",
                "adapter.dtype": "float32",
                "adapter.fused_kernels": True,
                "quantization": None,
                "precision.fp32_modules": (),
            },
            id="lora",
        ),
        pytest.param(LORA + "load_in_8bit: true", {"adapter.fused_kernels": False}, id="no kernels in 8 bit"),
        pytest.param(LORA + "lora_qkv_kernel: false", {"adapter.fused_kernels": False}, id="kernels off"),
        pytest.param(LORA + "peft_use_dora: true", {"method": "dora"}, id="dora"),
        pytest.param(
            LORA + "peft_autocast_adapter_dtype: false", {"adapter.dtype": "same-as-base"}, id="adapter dtype"
        ),
        pytest.param(
            QLORA,
            {
                "method": "qlora",
                "quantization.scheme": "bnb-nf4",
                "quantization.double_quant": True,
                "quantization.compute": "bfloat16",
                "quantization.kbit_prep": "none",
                "precision.weights": "bfloat16",
            },
            id="qlora",
        ),
        pytest.param(LORA + "load_in_8bit: true", {"quantization.scheme": "bnb-int8"}, id="8 bit"),
        pytest.param(
            LORA + "load_in_4bit: true",
            {"quantization": None, "precision.weights": "float32", "method": "lora"},
            id="the four-bit trap",
        ),
        pytest.param(
            BASE + "batch_size: 8\nmicro_batch_size: 2", {"gradient_accumulation_steps": 4}, id="batch"
        ),
        pytest.param(
            BASE
            + "plugins: [axolotl.integrations.liger.LigerPlugin]\nliger_fused_linear_cross_entropy: true",
            {"loss": "fused-linear"},
            id="liger",
        ),
        pytest.param(
            BASE + "liger_fused_linear_cross_entropy: true", {"loss": "full-logits"}, id="not listed"
        ),
        pytest.param(
            BASE + "plugins: [axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin]",
            {"loss": "fused-linear", "precision.fp32_modules": ()},
            id="cut cross entropy",
        ),
        pytest.param(
            BASE + "chunked_cross_entropy: true\nchunked_cross_entropy_num_chunks: 4",
            {"loss": 4},
            id="chunks",
        ),
        pytest.param(BASE + "rl: dpo", {"objective": "dpo", "reference_model": "resident"}, id="dpo"),
        pytest.param(LORA + "rl: dpo", {"reference_model": "none"}, id="dpo with an adapter"),
        pytest.param(BASE + "rl: orpo", {"objective": "orpo", "reference_model": "none"}, id="orpo"),
        pytest.param(BASE + "rl: simpo", {"reference_model": "none"}, id="simpo"),
        pytest.param(
            BASE + "rl: grpo\ntrl: {beta: 0.04, num_generations: 4, use_vllm: true}",
            {"objective": "grpo", "reference_model": "resident", "generation.completions": 4},
            id="grpo",
        ),
        pytest.param(BASE + "rl: grpo\ntrl: {use_vllm: true}", {"generation.colocated": False}, id="server"),
        pytest.param(
            BASE + "rl: grpo\ntrl: {use_vllm: true, vllm_mode: colocate}",
            {"generation.colocated": True, "reference_model": "none"},
            id="colocated",
        ),
        pytest.param(BASE + "pretraining_dataset: c4", {"objective": "pretrain"}, id="pretraining"),
        pytest.param(BASE + "reward_model: true", {"objective": "reward"}, id="reward"),
    ],
)
def test_one_gpu(config: str, fields: dict[str, Any]) -> None:
    expect(job_of(config), fields)


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(BASE, {"parallel.strategy": "ddp", "parallel.data": 8}, id="ddp"),
        pytest.param(
            BASE + "fsdp_version: 1\nfsdp_config: {offload_params: false}",
            {
                "parallel.strategy": "fsdp1",
                "precision.weights": "float32",
                "parallel.param_dtype": "bfloat16",
            },
            id="fsdp 1 is pinned and holds float32 shards",
        ),
        pytest.param(
            BASE + "fsdp_version: 2\nfsdp_config: {reshard_after_forward: false}",
            {"parallel.strategy": "fsdp2", "precision.weights": "bfloat16", "parallel.sharding": "grad-op"},
            id="fsdp 2 upcasts nothing",
        ),
        pytest.param(
            LORA + "fsdp_version: 1\nfsdp_config: {offload_params: true}",
            {"precision.weights": "bfloat16", "parallel.offload": "both", "adapter.fused_kernels": False},
            id="a frozen base stays as loaded",
        ),
        pytest.param(
            BASE + "fsdp_version: 2\nfsdp_config: {reshard_after_forward: true}\ndp_shard_size: "
            "4\ndp_replicate_size: 2",
            {"parallel.data": 4, "parallel.replicate": 2},
            id="hybrid",
        ),
        pytest.param(
            BASE + "deepspeed: deepspeed_configs/zero3_bf16.json",
            {
                "parallel.strategy": "zero3",
                "precision.master_weights": "float32",
                "precision.optimizer_states": "float32",
                "precision.fp32_modules": (),
                "parallel.buckets.reduce": 2048.0**2,
            },
            id="axolotl's own file",
        ),
        pytest.param(
            BASE + "deepspeed: deepspeed_configs/zero3.json\nbf16: full",
            {
                "precision.weights": "bfloat16",
                "precision.master_weights": "float32",
                "precision.autocast": "none",
            },
            id="bf16 full under DeepSpeed",
        ),
        pytest.param(
            BASE + "deepspeed: deepspeed_configs/zero2.json",
            {"parallel.offload": "optimizer"},
            id="zero2 offloads",
        ),
        pytest.param(
            BASE + "context_parallel_size: 2\nflash_attention: true",
            {"parallel.context": 2, "parallel.data": 4},
            id="context",
        ),
    ],
)
def test_eight_gpus(config: str, fields: dict[str, Any]) -> None:
    expect(job_of(config, gpus=8), fields)


@pytest.mark.parametrize(
    ("config", "kind", "key"),
    [
        (LORA + "load_in_4bit: true", "four-bit-lora", "load_in_4bit"),
        (LORA.replace("adapter: lora", "adapter: qlora"), "qlora-without-four-bit", "adapter"),
        (QLORA + "load_in_8bit: true", "qlora-with-eight-bit", "load_in_8bit"),
        (BASE + "load_in_4bit: true", "quantized-without-adapter", "load_in_4bit"),
        (BASE + "adapter: lora\nlora_r: 8", "no-adapter-targets", "adapter"),
        (BASE + "adapter: lora\nlora_target_linear: true", "adapter-without-rank", "adapter"),
        (BASE + "batch_size: 8\ngradient_accumulation_steps: 2", "two-batch-sizes", "batch_size"),
        (BASE + "deepspeed: zero2.json\nfsdp_config: {offload_params: true}", "two-engines", "deepspeed"),
        (BASE + "activation_offloading: true", "offload-without-checkpointing", "activation_offloading"),
        (BASE + "rl: dpo\nsample_packing: true", "packing-with-preference", "sample_packing"),
        (
            BASE + "fsdp_version: 2\nfsdp_config: {a: 1}\noptimizer: adamw_8bit",
            "fsdp2-with-eight-bit-optimizer",
            "optimizer",
        ),
        (BASE + "context_parallel_size: 2", "context-without-flash-attention", "context_parallel_size"),
        (BASE + "liger_rope: true", "key-without-plugin", "liger_rope"),
        (BASE + "rl: kto", "kto-drops-columns", "rl"),
    ],
)
def test_what_axolotl_refuses_or_ignores(config: str, kind: str, key: str) -> None:
    found = {problem.kind: problem for problem in reading(config).problems}
    assert kind in found, found
    assert found[kind].key == (key,)


@pytest.mark.parametrize("config", [BASE, LORA, QLORA, LORA + "load_in_8bit: true", BASE + "rl: dpo"])
def test_sound_files_have_no_problems(config: str) -> None:
    assert reading(config).problems == ()


@pytest.mark.parametrize(("optimizer", "refused"), [("adamw_bnb_8bit", True), ("lion_8bit", False)])
def test_tensor_parallel_refuses_the_optimizers_that_axolotl_lists(optimizer: str, refused: bool) -> None:
    config = BASE + f"tensor_parallel_size: 2\noptimizer: {optimizer}"
    kinds = {problem.kind for problem in reading(config).problems}
    assert ("eight-bit-optimizer-with-tensor-parallel" in kinds) == refused


def test_origins() -> None:
    job = job_of(LORA + "micro_batch_size: 4")
    assert job.origin("micro_batch_size") == Written(("micro_batch_size",))
    assert job.origin("adapter.r") == Written(("lora_r",))
    assert isinstance(job.origin("sequence_length"), FrameworkDefault)
    assert str(job.origin("sequence_length")) == "default of axolotl 0.21"


def test_an_unknown_model_is_named() -> None:
    outcome = reading("base_model: nobody/nothing\ndatasets: []")
    assert outcome.job is None
    assert outcome.obstacle is not None
    assert outcome.obstacle.code == "unknown-model"
    assert outcome.obstacle.key == ("base_model",)


def test_a_deepspeed_file_that_disagrees() -> None:
    files = {
        "ds.json": {
            "zero_optimization": {"stage": 2},
            "bf16": {"enabled": True},
            "gradient_accumulation_steps": 4,
        }
    }
    outcome = reading(BASE + "deepspeed: ds.json\ngradient_accumulation_steps: 8", gpus=4, files=files)
    (problem,) = outcome.problems
    assert (problem.kind, problem.document) == ("deepspeed-mismatch", "ds.json")
    assert outcome.companions == ("ds.json",)
    assert outcome.job is not None
    assert outcome.job.origin("parallel.strategy") == Written(("zero_optimization", "stage"), "ds.json")


def test_a_file_that_is_missing_is_said() -> None:
    outcome = reading(BASE + "deepspeed: configs/my_zero3.json", gpus=4)
    assert outcome.missing_companions == ((("deepspeed",), "configs/my_zero3.json"),)
    assert outcome.job is not None
    assert outcome.job.parallel.strategy == "zero3"
    assert "by its name" in str(outcome.job.origin("parallel.strategy"))


@pytest.mark.parametrize(("value", "compiled"), [("true", True), ("auto", True), ("false", False)])
def test_compilation_reaches_the_job(value: str, compiled: bool) -> None:
    assert job_of(BASE + f"torch_compile: {value}\n").compile is compiled


@pytest.mark.parametrize(("gpus", "fused"), [(1, True), (2, False)])
def test_no_fused_kernels_under_the_first_fsdp(gpus: int, fused: bool) -> None:
    job = job_of(LORA + "fsdp_version: 1\nfsdp_config: {offload_params: false}\n", gpus=gpus)
    assert job.adapter is not None
    assert job.adapter.fused_kernels is fused


@pytest.mark.parametrize(
    ("config", "versions", "strategy"),
    [
        ("fsdp_config: {offload_params: false}", {}, "fsdp2"),
        ("fsdp_config: {offload_params: false}", {"axolotl": "0.19"}, "fsdp1"),
        ("fsdp_config: {fsdp_limit_all_gathers: true}", {}, "fsdp1"),
        ("fsdp: [full_shard, auto_wrap]\nfsdp_config: {fsdp_offload_params: false}", {}, "fsdp1"),
    ],
)
def test_fsdp_is_the_second_from_0_20_on_unless_options_of_the_first_date_the_file(
    config: str, versions: dict[str, str], strategy: str
) -> None:
    found = reading(BASE + config + "\n", gpus=8, versions=versions)
    assert found.job is not None
    assert found.job.parallel.strategy == strategy
    assert not [problem for problem in found.problems if problem.severity == "error"]


def test_a_declared_release_without_the_first_fsdp_refuses_it() -> None:
    found = reading(BASE + "fsdp_version: 1\nfsdp_config: {a: 1}\n", gpus=8, versions={"axolotl": "0.21"})
    assert [problem.kind for problem in found.problems] == ["fsdp1-removed"]


@pytest.mark.parametrize(("key", "away"), [("offload_params", "both"), ("cpu_offload", "none")])
def test_one_option_of_fsdp_keeps_shards_on_the_host(key: str, away: str) -> None:
    """The other is transformers', which axolotl's section drops (0.21, utils/schemas/fsdp.py)."""
    job = job_of(BASE + f"fsdp_version: 2\nfsdp_config: {{{key}: true}}\n", gpus=8)
    assert job.parallel.offload == away


@pytest.mark.parametrize(
    ("text", "data", "replicate"),
    [
        ("dp_shard_size: 4\ndp_replicate_size: 2\n", 4, 2),
        ("dp_replicate_size: 2\n", 4, 2),
        ("dp_shard_size: 8\n", 8, 1),
        ("dp_shard_size: 2\nexpert_parallel_size: 4\n", 8, 1),
    ],
)
def test_what_is_not_said_of_the_mesh_is_filled_up(text: str, data: int, replicate: int) -> None:
    """utils/distributed.py, _get_parallel_config_kwargs; groups of experts shard dense weights too."""
    job = job_of(BASE + "fsdp_version: 2\nfsdp_config: {reshard_after_forward: true}\n" + text, gpus=8)
    assert (job.parallel.data, job.parallel.replicate) == (data, replicate)


MIXTURE = """base_model: Qwen/Qwen3-30B-A3B
datasets: [{path: data, type: alpaca}]
adapter: qlora
load_in_4bit: true
lora_r: 16
lora_target_modules: [q_proj]
"""
EXPERTS = 48 * 128 * 3 * 2048 * 768


@pytest.mark.parametrize(
    ("keys", "each"),
    [
        ("", 4),
        ("quantize_moe_experts: true\n", 0.516),
        ("deepspeed: {zero_optimization: {stage: 3}, bf16: {enabled: true}}\n", 2),
    ],
)
def test_experts_that_are_not_quantized_are_left_in_32_bits(keys: str, each: float) -> None:
    """PEFT's preparation raises what is no Params4bit, and only norms, embeddings and head are cast back; it
    is skipped where experts are quantized and under ZeRO-3.
    """
    job = job_of(MIXTURE + keys, gpus=1)
    weights = estimate_job(job).component_sizes["weights"]
    assert weights == pytest.approx(each * EXPERTS, abs=2.5e9)
