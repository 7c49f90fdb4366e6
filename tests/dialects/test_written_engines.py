"""Changes of a sharded run, or to one, as each front end writes them: read back they are what was asked, and
the framework does not refuse them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from dialect_reading import edited, expect, job_of, reading

from vramlint.advice.remedies import moves
from vramlint.dialects import detect

AXOLOTL = """
base_model: NousResearch/Meta-Llama-3-8B
datasets:
  - {path: tatsu-lab/alpaca, type: alpaca}
sequence_len: 2048
micro_batch_size: 1
gradient_accumulation_steps: 4
optimizer: adamw_torch_fused
bf16: true
"""
TRL = """
model_name_or_path: Qwen/Qwen2.5-7B
dataset_name: trl-lib/Capybara
max_length: 2048
per_device_train_batch_size: 1
gradient_accumulation_steps: 4
assistant_only_loss: true
bf16: true
"""
LLAMA_FACTORY = """
model_name_or_path: meta-llama/Meta-Llama-3-8B-Instruct
stage: sft
do_train: true
finetuning_type: full
template: llama3
cutoff_len: 2048
per_device_train_batch_size: 1
gradient_accumulation_steps: 2
bf16: true
"""
FSDP2 = """
fsdp_version: 2
fsdp_config:
  cpu_ram_efficient_loading: true
  auto_wrap_policy: TRANSFORMER_BASED_WRAP
  reshard_after_forward: true
"""
FRONT_ENDS = {"axolotl": AXOLOTL, "trl": TRL, "llamafactory": LLAMA_FACTORY}


def written(config: str, changes: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """The values after the changes, of which the framework refuses nothing."""
    values = yaml.safe_load(config)
    dialect = detect(values).dialect
    assert dialect is not None
    edits = dialect.edits(values, job_of(values, **options), changes)
    assert edits is not None
    after: dict[str, Any] = edited(values, edits)
    problems = reading(after, **options).problems
    assert [problem.message for problem in problems if problem.severity == "error"] == []
    return after


@pytest.mark.parametrize("config", FRONT_ENDS.values(), ids=FRONT_ENDS)
@pytest.mark.parametrize("stage", [2, 3])
def test_zero_is_written_as_a_section_of_the_file(config: str, stage: int) -> None:
    changes = {"parallel.strategy": f"zero{stage}"}
    after = written(config, changes, gpus=8)
    expect(job_of(after, gpus=8), changes)
    assert after["deepspeed"]["zero_optimization"]["stage"] == stage
    assert after["deepspeed"]["bf16"] == {"enabled": "auto"}
    assert set(after) - {"deepspeed"} == set(yaml.safe_load(config))


@pytest.mark.parametrize("config", FRONT_ENDS.values(), ids=FRONT_ENDS)
@pytest.mark.parametrize("moved", ["optimizer", "both"])
def test_offloading_takes_a_stage_that_can(config: str, moved: str) -> None:
    after = job_of(written(config, {"parallel.offload": moved}, gpus=8), gpus=8)
    expect(after, {"parallel.offload": moved, "parallel.strategy": "zero3" if moved == "both" else "zero2"})


@pytest.mark.parametrize("config", FRONT_ENDS.values(), ids=FRONT_ENDS)
def test_a_section_that_is_there_is_changed_where_it_differs(config: str) -> None:
    section = (
        "deepspeed: {zero_optimization: {stage: 2, reduce_bucket_size: 500000000}, bf16: {enabled: true}}\n"
    )
    changes = {"parallel.strategy": "zero3", "parallel.buckets.reduce": 20_000_000}
    after = written(config + section, changes, gpus=8)
    expect(job_of(after, gpus=8), changes)
    assert after["deepspeed"]["bf16"] == {"enabled": True}


@pytest.mark.parametrize("config", FRONT_ENDS.values(), ids=FRONT_ENDS)
@pytest.mark.parametrize("engine", ["deepspeed: my/zero.json\n", "fsdp: [full_shard, auto_wrap]\n"])
def test_an_engine_from_elsewhere_is_left_alone(config: str, engine: str) -> None:
    values = yaml.safe_load(config + engine)
    dialect = detect(values).dialect
    assert dialect is not None
    assert dialect.edits(values, job_of(values, gpus=8), {"parallel.strategy": "zero3"}) is None


def test_the_files_that_axolotl_ships_lie_beside_each_other() -> None:
    after = written(AXOLOTL + "deepspeed: configs/zero2.json\n", {"parallel.strategy": "zero3"}, gpus=8)
    assert after["deepspeed"] == "configs/zero3_bf16.json"


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_axolotl_fuses_no_feed_forward_block_under_an_adapter(method: str) -> None:
    after = written(AXOLOTL + "flash_attention: true\nflash_attn_fuse_mlp: true\n", {"method": method})
    assert "flash_attn_fuse_mlp" not in after
    expect(job_of(after), {"method": method})


def test_qlora_under_fsdp2_with_efficient_loading() -> None:
    """Axolotl 0.21 packs the weights on the host of one rank."""
    expect(job_of(written(AXOLOTL + FSDP2, {"method": "qlora"}, gpus=2), gpus=2), {"method": "qlora"})


def test_a_base_in_four_bits_is_read_by_one_rank_too() -> None:
    base = AXOLOTL + "adapter: qlora\nload_in_4bit: true\nlora_r: 8\nlora_target_linear: true\n"
    config = base + FSDP2.replace("loading: true", "loading: false")
    assert job_of(config, gpus=2).loading == "device"
    changes = {"loading": "rank-0"}
    expect(job_of(written(config, changes, gpus=2), gpus=2), changes)


@pytest.mark.parametrize(
    ("line", "versions"), [("", {"axolotl": "0.19"}), ("qlora_sharded_model_loading: false\n", {})]
)
def test_efficient_loading_of_four_bits_is_refused_without_staging(
    line: str, versions: Mapping[str, str]
) -> None:
    config = (
        AXOLOTL + FSDP2 + line + "adapter: qlora\nload_in_4bit: true\nlora_r: 8\nlora_target_linear: true\n"
    )
    problems = reading(config, gpus=2, versions=versions).problems
    assert "fsdp2-quantized-loading" in [problem.kind for problem in problems]


@pytest.mark.parametrize("config", [AXOLOTL + "rl: dpo\n", TRL + "beta: 0.1\nloss_type: sigmoid\n"])
def test_a_reference_is_asked_beforehand(config: str) -> None:
    (offered,) = (move.changes for move in moves(job_of(config)) if "reference_model" in move.changes)
    after = written(config, offered)
    assert after["precompute_ref_log_probs"] is True
    expect(job_of(after), offered)


ZERO3 = "deepspeed: {zero_optimization: {stage: 3}, bf16: {enabled: true}}\n"


@pytest.mark.parametrize(
    ("line", "release", "refused"),
    [
        ("use_liger_kernel: true\n", "1.8", True),
        ("use_liger_kernel: true\n", "1.16", False),
        (ZERO3, "0.24", True),
        (ZERO3, "1.8", False),
    ],
)
def test_what_trl_refuses_beside_a_reference_that_is_asked_beforehand(
    line: str, release: str, refused: bool
) -> None:
    config = TRL + "beta: 0.1\nloss_type: sigmoid\nprecompute_ref_log_probs: true\n" + line
    problems = reading(config, gpus=2, versions={"trl": release}).problems
    assert ("precomputed-reference" in [problem.kind for problem in problems]) is refused


@pytest.mark.parametrize(("engine", "name"), [(FSDP2, "adamw_torch_8bit"), ("", "adamw_8bit")])
def test_eight_bit_states_that_the_engine_can_step(engine: str, name: str) -> None:
    job = job_of(AXOLOTL + engine, gpus=2)
    (offered,) = (move.changes for move in moves(job) if "optimizer" in move.changes)
    assert offered == {"optimizer": name}
    expect(job_of(written(AXOLOTL + engine, offered, gpus=2), gpus=2), offered)
