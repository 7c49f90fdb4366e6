"""Files as their owners write them, from their text to the verdict: what they are taken for, what they name,
and what their framework refuses.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace


def check(folder: Path, text: str, name: str = "train.yaml", gpu: str | None = "A100-80GB") -> Analysis:
    document = Document.parse(text, str(folder / name))
    return analyse(document, Workspace(folder), Overrides(gpu=gpu))


def codes(analysis: Analysis) -> dict[str, str]:
    """Severities of the findings by their codes."""
    return {finding.code: finding.severity for finding in analysis.findings}


@pytest.mark.parametrize(
    "text",
    [
        "attn_implementation: flash_attention_2\nmax_length: 4096\ntemperature: 0.2\n",
        "defaults: [_self_, model: bert]\nmodel_name_or_path: google-bert/bert-base-uncased\n"
        "max_length: 128\nbatch_size: 16\n",
        "model_name_or_path: ${oc.env:MODEL}\nmax_length: 512\nhydra: {run: {dir: out}}\n",
        "model_name: gemma-2b\nper_device_batch_size: 12.0\ngradient_accumulation_steps: 1\n"
        "max_target_length: 2048\nlearning_rate: 3.e-5\njax_cache_dir: ~/jax_cache\n",
    ],
    ids=["inference", "hydra", "omegaconf", "jax"],
)
def test_ordinary_yaml_is_no_ones(text: str, tmp_path: Path) -> None:
    analysis = check(tmp_path, text)
    assert analysis.dialect is None
    assert not analysis.findings


def test_overrides_for_megatron_bridge_are_not_litgpts(tmp_path: Path) -> None:
    analysis = check(
        tmp_path,
        "checkpoint: {save: /out, save_interval: 100}\nlogger: {log_interval: 1}\n"
        "model: {seq_length: 4096, tensor_model_parallel_size: 2}\nscheduler: {lr_warmup_iters: 5}\n"
        "train: {train_iters: 10, global_batch_size: 128, micro_batch_size: 1}\n",
    )
    assert analysis.dialect is not None
    assert analysis.dialect.name == "megatron-bridge"
    assert codes(analysis) == {"VL104": "warning"}


AXOLOTL = (
    "base_model: {model}\nadapter: lora\nlora_r: 8\nlora_target_linear: true\nsequence_len: 1024\n"
    "micro_batch_size: 1\nbf16: true\ndatasets: [{{path: own, type: alpaca}}]\n"
)


def test_no_bulk_fix_puts_another_model_in_the_place_of_an_unknown_one(tmp_path: Path) -> None:
    analysis = check(tmp_path, AXOLOTL.format(model="mistralai/Voxtral-Mini-4B-2602"))
    (finding,) = [finding for finding in analysis.findings if finding.code == "VL903"]
    fixes = fixes_for(analysis, finding)
    rewriting = [fix for fix in fixes if fix.edits]
    assert rewriting
    assert all(fix.by_hand for fix in rewriting)


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        ("acme/Qwen2.5-7B-medical-NVFP4", 7.6),
        ("models/Qwen2.5-7B", 7.6),
        ("./checkpoints/Llama-3.1-8B-sft", 8.0),
        ("acme/Llama-3.1-8B-bnb-nf4-bf16", 8.0),
        ("acme/zephyr-7b-sft-qlora", 7.2),
        ("RedHatAI/Qwen3-8B-quantized.w4a16", 8.2),
        ("ZhipuAI/glm-4-9b-chat", 9.4),
        ("openai/gpt-oss-safeguard-20b", 20.9),
    ],
)
def test_family_and_size_in_a_name_are_enough(model: str, billions: float, tmp_path: Path) -> None:
    estimate = check(tmp_path, AXOLOTL.format(model=model)).estimate
    assert estimate is not None
    base = estimate.parameters - estimate.trainable_parameters
    assert base / 1e9 == pytest.approx(billions, rel=0.02)


TRL = (
    "model_name_or_path: meta-llama/Llama-3.1-8B\ndataset_name: own/rows\noutput_dir: out\nmax_length: 1024\n"
    "per_device_train_batch_size: 1\nbf16: true\n"
)


def test_an_engine_whose_file_is_elsewhere_is_an_assumption(tmp_path: Path) -> None:
    large = TRL.replace("8B", "70B") + "deepspeed: zero3.json\n"
    found = codes(check(tmp_path, large, gpu="A100-80GB x4"))
    assert found["VL904"] == "information"
    assert found["VL101"] == "warning"


def test_rewards_may_be_left_unscaled(tmp_path: Path) -> None:
    """GRPOConfig takes a word or a bool (trl 1.16, trainer/grpo_config.py)."""
    grpo = TRL.replace("8B", "1B").replace("3.1", "3.2").replace("batch_size: 1", "batch_size: 4")
    grpo = grpo.replace("max_length: 1024\n", "") + "num_generations: 4\nscale_rewards: false\n"
    assert "VL003" not in codes(check(tmp_path, grpo))


@pytest.mark.parametrize(("ids", "refused"), [("", False), ('gpu_ids: "0"\n', True)])
def test_accelerate_refuses_a_single_named_gpu_only(ids: str, refused: bool, tmp_path: Path) -> None:
    launcher = (
        "compute_environment: LOCAL_MACHINE\ndistributed_type: MULTI_GPU\nnum_processes: 1\n"
        "num_machines: 1\nmixed_precision: bf16\n"
    )
    assert ("VL201" in codes(check(tmp_path, launcher + ids))) is refused


FACTORY = (
    "model_name_or_path: meta-llama/Llama-3.1-8B\nstage: sft\ndo_train: true\nfinetuning_type: lora\n"
    "lora_target: all\ndataset: own\ntemplate: llama3\ncutoff_len: 1024\noutput_dir: out\nbf16: true\n"
    "per_device_train_batch_size: 1\nquantization_bit: 4\nquantization_method: {method}\n"
)


@pytest.mark.parametrize(
    ("method", "release", "four_bits"),
    [("bnb", "", True), ("bitsandbytes", "", False), ("bitsandbytes", "0.9.2", True)],
)
def test_a_method_of_another_release_quantizes_nothing(
    method: str, release: str, four_bits: bool, tmp_path: Path
) -> None:
    """LLaMA-Factory 0.9.5, model_utils/quantization.py: no branch takes the older word, and none refuses."""
    head = f"# vramlint: versions=llamafactory@{release}\n" if release else ""
    analysis = check(tmp_path, head + FACTORY.format(method=method))
    assert analysis.estimate is not None
    assert (analysis.estimate.component_sizes["weights"] < 8e9) is four_bits
    assert ("VL202" in codes(analysis)) is not four_bits


def test_a_script_of_ones_own_needs_no_use_peft(tmp_path: Path) -> None:
    """`use_peft` is a switch of TRL's scripts; a file without any of their keys is not read by them."""
    own = (
        "model_name_or_path: Qwen/Qwen3-8B\nload_in_4bit: true\nlora_r: 16\nlora_alpha: 32\nbeta: 0.1\n"
        "max_length: 1024\nmax_prompt_length: 512\nper_device_train_batch_size: 1\nbf16: true\n"
        "gradient_accumulation_steps: 8\ntrain_file: own.jsonl\n"
    )
    analysis = check(tmp_path, own)
    assert analysis.estimate is not None
    assert analysis.estimate.trainable_parameters < 1e8
    assert not [finding for finding in analysis.findings if finding.severity == "error"]


def test_a_key_that_is_gone_dates_the_recipe(tmp_path: Path) -> None:
    """`vllm_device` left in trl 0.18: before, beta was 0.04 and a reference model was loaded."""
    grpo = TRL.replace(
        "max_length: 1024\n", "use_vllm: true\nnum_generations: 8\nmax_completion_length: 64\n"
    )
    old, new = check(tmp_path, grpo + "vllm_device: auto\n"), check(tmp_path, grpo)
    assert old.estimate is not None
    assert new.estimate is not None
    more = old.estimate.component_sizes["weights"] - new.estimate.component_sizes["weights"]
    assert more >= 2 * 8_030_261_248
    assert codes(old)["VL229"] == "information"


def test_a_message_gives_a_key_the_value_that_the_file_gives_it(tmp_path: Path) -> None:
    """Prompt and completion together are not `max_completion_length`."""
    grpo = TRL.replace("max_length: 1024\n", "num_generations: 8\nmax_completion_length: 3000\n")
    text = grpo.replace("batch_size: 1", "batch_size: 8") + "use_peft: true\ndtype: bfloat16\n"
    for gpu in ("RTX-3090", "A100-40GB"):
        for finding in check(tmp_path, text, gpu=gpu).findings:
            assert "max_completion_length" not in finding.message or "3000" in finding.message.replace(
                ",", ""
            )


def test_sections_of_ones_own_are_read_by_name(tmp_path: Path) -> None:
    text = (
        "training:\n  model_name: meta-llama/Llama-3.1-8B\n  per_device_train_batch_size: 1\n"
        "  gradient_accumulation_steps: 8\n  max_seq_length: 1024\n  bf16: true\n"
        "  gradient_checkpointing: true\n"
        "lora:\n  r: 16\n  lora_alpha: 32\n  target_modules: [q_proj, v_proj]\n"
    )
    analysis = check(tmp_path, text)
    assert analysis.estimate is not None
    assert analysis.estimate.trainable_parameters == 32 * 16 * (2 * 4096 + 4096 + 1024)
    assert not analysis.findings


def test_old_keys_of_torchtitan_are_an_older_release(tmp_path: Path) -> None:
    text = (
        '[model]\nname = "llama3"\nflavor = "8B"\n[training]\nbatch_size = 1\nseq_len = 2048\n'
        "tensor_parallel_degree = 1\ndata_parallel_shard_degree = -1\n"
        "[experimental]\npipeline_parallel_degree = 1\n"
    )
    found = codes(check(tmp_path, text, "train.toml", gpu="B200"))
    assert found["VL229"] == "information"
    assert "VL002" not in found


def test_a_key_of_ones_own_is_no_misspelling_of_a_longer_one(tmp_path: Path) -> None:
    recipe = (
        "model_name_or_path: Qwen/Qwen2.5-0.5B\ndataset_name: own\nper_device_train_batch_size: 1\n"
        "max_length: 1024\nuse_peft: true\n{}\n"
    )
    assert "VL002" not in codes(check(tmp_path, recipe.format("chat_template: own")))
    assert codes(check(tmp_path, recipe.format("chat_template_pat: own.jinja")))["VL002"] == "warning"


def test_a_json_file_that_a_script_fills_in_is_a_template(tmp_path: Path) -> None:
    text = '{"train_micro_batch_size_per_gpu": BATCH_SIZE, "zero_optimization": {"stage": Zero_STAGE}}'
    (finding,) = check(tmp_path, text, "ds.json").findings
    assert (finding.code, finding.severity) == ("VL001", "information")
    assert finding.message.startswith("BATCH_SIZE and one more word in the place of values")
    mistaken = '{"train_micro_batch_size_per_gpu": BATCH_SIZE, "zero_optimization": {"stage": TRUE}}'
    assert codes(check(tmp_path, mistaken, "ds.json"))["VL001"] == "error"
