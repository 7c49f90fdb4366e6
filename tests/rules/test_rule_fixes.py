"""The quick fixes of rules that name a value or a key: applied, the finding is gone."""

import re
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.document import Document
from vramlint.document.edit import apply_edits
from vramlint.lint.result import Analysis
from vramlint.project.workspace import Workspace

AXOLOTL = """base_model: NousResearch/Llama-3.2-1B
micro_batch_size: 1
gradient_accumulation_steps: 8
sequence_len: 1024
datasets:
  - {path: tatsu-lab/alpaca, type: alpaca}
"""
ROOT = Path(__file__).parents[2]
JOB = "vramlint: 1\nmodel: HuggingFaceTB/SmolLM2-360M\n"


def check(text: str, name: str, folder: Path) -> Analysis:
    return analyse(Document.parse(text, str(folder / name)), Workspace(folder))


@pytest.mark.parametrize(
    ("code", "name", "text", "mended"),
    [
        ("VL002", "x.yaml", f"{AXOLOTL}optimiser: adamw_8bit\n", "\noptimizer: adamw_8bit\n"),
        ("VL002", "x.yaml", f'{AXOLOTL}"optimiser": adamw_8bit\n', '\n"optimizer": adamw_8bit\n'),
        ("VL002", "x.yaml", f"{JOB}precision: {{wieghts: float32}}\n", "{weights: float32}"),
        (
            "VL002",
            "x.json",
            '{"train_batch_size": 8, "zero_optimization": {"stage": 2, "overlap_com": true}}',
            '"overlap_comm": true',
        ),
        ("VL003", "x.yaml", f"{JOB}method: 'qlorra'\n", "method: 'qlora'"),
        ("VL003", "x.json", '{"vramlint": 1, "model": "Qwen/Qwen2.5-1.5B", "method": "loraa"}', '"lora"}'),
        ("VL903", "x.yaml", "vramlint: 1\nmodel: Qwen/Qwen2.5-1.5\n", "model: Qwen/Qwen2.5-"),
        ("VL901", "x.yaml", f"{JOB}gpu: RTX 4O90 x2\n", "gpu: RTX-4090 x2\n"),
    ],
)
def test_fix(code: str, name: str, text: str, mended: str, tmp_path: Path) -> None:
    finding = next(finding for finding in check(text, name, tmp_path).findings if finding.code == code)
    after = apply_edits(text, finding.fixes[0].edits)
    assert mended in after
    assert code not in [finding.code for finding in check(after, name, tmp_path).findings]


SHARDED = "fsdp_version: 2\nfsdp_config: {auto_wrap_policy: TRANSFORMER_BASED_WRAP}\n"
ADAPTER = "adapter: lora\nlora_r: 16\nlora_target_linear: true\n"
PREFERENCE = "rl: dpo\nsample_packing: true\nattn_implementation: sdpa\n"
TRL = "model_name_or_path: Qwen/Qwen2.5-1.5B\ndataset_name: trl-lib/Capybara\nassistant_only_loss: true\n"


@pytest.mark.parametrize(
    ("code", "text", "mended"),
    [
        ("VL201", AXOLOTL + PREFERENCE, "sample_packing: false"),
        ("VL203", AXOLOTL + ADAPTER + "load_in_4bit: true\n", "adapter: qlora"),
        ("VL217", AXOLOTL + "sample_packing: true\n", "attn_implementation: flash_attention_2"),
        ("VL220", TRL + "use_peft: false\nload_in_4bit: true\ndtype: bfloat16\n", "use_peft: true"),
        ("VL222", AXOLOTL + "batch_size: 8\n", "sequence_len: 1024"),
        ("VL224", AXOLOTL + SHARDED + "optimizer: adamw_8bit\n", "optimizer: adamw_torch_8bit"),
        ("VL225", AXOLOTL + "activation_offloading: true\n", "gradient_checkpointing: true"),
        (
            "VL222",
            TRL + "deepspeed: {train_micro_batch_size_per_gpu: 4}\nper_device_train_batch_size: 2\n",
            "auto",
        ),
    ],
)
def test_what_a_refusal_asks_for_is_written(code: str, text: str, mended: str, tmp_path: Path) -> None:
    analysis = check(text, "x.yaml", tmp_path)
    finding = next(finding for finding in analysis.findings if finding.code == code)
    (fix,) = fixes_for(analysis, finding)
    assert not fix.safe
    after = apply_edits(text, fix.edits)
    assert mended in after
    assert finding.message not in [each.message for each in check(after, "x.yaml", tmp_path).findings]


def test_a_refusal_is_not_mended_by_another_error(tmp_path: Path) -> None:
    """FlashAttention 2 keeps packed samples apart, on GPUs that have it."""
    text = f"# vramlint: gpu=T4\n{AXOLOTL}sample_packing: true\nbf16: false\nfp16: true\n"
    analysis = check(text, "x.yaml", tmp_path)
    finding = next(finding for finding in analysis.findings if finding.code == "VL217")
    assert fixes_for(analysis, finding) == ()


def test_exponent_without_a_dot(tmp_path: Path) -> None:
    text = f"{AXOLOTL}max_steps: 2e4\n"
    finding = next(finding for finding in check(text, "x.yaml", tmp_path).findings if finding.code == "VL003")
    assert (
        finding.message == "`max_steps` is the text '2e4': YAML 1.1 needs a dot to read a number; write 20000"
    )
    after = apply_edits(text, finding.fixes[0].edits)
    assert "max_steps: 20000\n" in after
    assert "VL003" not in [finding.code for finding in check(after, "x.yaml", tmp_path).findings]


def test_exponent_is_fine_where_the_framework_reads_it(tmp_path: Path) -> None:
    assert "VL003" not in [
        f.code for f in check(f"{AXOLOTL}learning_rate: 1e-5\n", "x.yaml", tmp_path).findings
    ]


def test_no_rename_onto_a_key_that_is_there(tmp_path: Path) -> None:
    text = f"{AXOLOTL}optimizer: adamw_torch\noptimiser: adamw_8bit\n"
    finding = next(finding for finding in check(text, "x.yaml", tmp_path).findings if finding.code == "VL002")
    assert finding.fixes == ()


def test_a_removed_key_is_known_to_an_older_release(tmp_path: Path) -> None:
    text = f"{AXOLOTL}gptq_groupsize: 128\n"
    now = [finding.message for finding in check(text, "x.yaml", tmp_path).findings if finding.code == "VL002"]
    assert now == ["`gptq_groupsize` is gone since axolotl 0.4"]
    older = check(f"# vramlint: versions=axolotl@0.3\n{text}", "x.yaml", tmp_path)
    assert "VL002" not in [finding.code for finding in older.findings]


@pytest.mark.parametrize("value", ["${oc.env:X}", "'{{ x }}'", "null", "", "''"])
def test_templates_and_unset_values_are_left_alone(tmp_path: Path, value: str) -> None:
    text = f"{AXOLOTL}num_epochs: {value}\n"
    assert "VL003" not in [finding.code for finding in check(text, "x.yaml", tmp_path).findings]


def test_trl_keys_of_other_scripts_are_left_alone(tmp_path: Path) -> None:
    text = """model_name_or_path: Qwen/Qwen2.5-1.5B
dataset_name: trl-lib/Capybara
output_dir: ./outputs
per_device_train_batch_size: 1
my_own_key: 1
gradient_acumulation_steps: 4
"""
    found = [
        finding.at.key for finding in check(text, "x.yaml", tmp_path).findings if finding.code == "VL002"
    ]
    assert found == [("gradient_acumulation_steps",)]


def test_no_key_is_called_unknown_where_the_file_may_be_anothers(tmp_path: Path) -> None:
    text = "output_dir: out\ndataset_name: x\nmodel_name_or_path: gpt2\nscheduler_typ: cosine\n"
    codes = {finding.code for finding in check(text, "x.yaml", tmp_path).findings}
    assert "VL002" not in codes
    forced = "# vramlint: dialect=trl\n" + text.replace("scheduler_typ", "lr_scheduler_typ")
    assert "VL002" in {finding.code for finding in check(forced, "x.yaml", tmp_path).findings}


def test_without_the_engines_file_a_run_that_does_not_fit_is_a_warning(tmp_path: Path) -> None:
    text = f"# vramlint: gpu=RTX-3060\n{AXOLOTL.replace('sequence_len: 1024', 'sequence_len: 32768')}"
    for deepspeed, severity in (("", "error"), ("deepspeed: zero3.json\n", "warning")):
        found = {finding.code: finding for finding in check(text + deepspeed, "x.yaml", tmp_path).findings}
        assert found["VL101"].severity == severity
        assert ("zero3.json" in found["VL101"].message) == bool(deepspeed)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        (
            "gradient_clipping: ${clip}\nzero_optimization: {stage: 2, reduce_bucket_size: 5e8}\n",
            False,
        ),
        ("train_micro_batch_size_per_gpu: 1\nzero_optimization: {stage: 2, reduce_bucket_size: 5e8}\n", True),
        ("model_name_or_path: gpt2\ndataset_name: x\nnum_generations: 4\nscale_rewards: false\n", False),
    ],
)
def test_types_are_those_that_the_framework_takes(text: str, reported: bool, tmp_path: Path) -> None:
    codes = {finding.code for finding in check(text, "x.yaml", tmp_path).findings}
    assert ("VL003" in codes) == reported


def test_a_key_that_says_something_of_another_is_no_correction(tmp_path: Path) -> None:
    """`cpu_offload_pin_memory` says how; a key that one word completes is still found."""
    text = f"{AXOLOTL}fsdp_version: 2\nfsdp_config: {{cpu_offload: true}}\ngradient_accumulation: 4\n"
    found = {
        finding.at.key[-1]: finding.message
        for finding in check(text, "x.yaml", tmp_path).findings
        if finding.code == "VL002"
    }
    assert "cpu_offload_pin_memory" not in found.get("cpu_offload", "")
    assert "gradient_accumulation_steps" in found["gradient_accumulation"]


def test_where_no_change_is_enough_a_gpu_is_named(tmp_path: Path) -> None:
    """By hand alone: the file's own comment is what declares another one."""
    text = (ROOT / "examples" / "h2o-llm-studio-danube2-1.8b.yaml").read_text(encoding="utf-8")
    lines = ["# vramlint: gpu=RTX-4090", *(line for line in text.splitlines() if "vramlint:" not in line)]
    changes = {"h2oai/h2o-danube2-1.8b-base": "Qwen/Qwen2.5-14B", "lora: true": "lora: false"}
    text = re.sub("(?m)^  backbone_dtype:.*", "  backbone_dtype: bfloat16", "\n".join(lines) + "\n")
    for old, new in changes.items():
        text = text.replace(old, new)
    analysis = check(text, "x.yaml", tmp_path)
    finding = next(finding for finding in analysis.findings if finding.code == "VL101")
    (fix,) = fixes_for(analysis, finding)
    assert fix.by_hand
    assert fix.title.startswith("declare ")
    assert analysis.recheck(fix.edits).fits
