"""A run without a verdict is said, and no verdict is built on a value that no run can have."""

from __future__ import annotations

from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.document import Document
from vramlint.document.edit import apply_edits
from vramlint.lint.inert import LONGEST_MESSAGE
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.selection import Selection
from vramlint.project.workspace import Workspace

AXOLOTL = (
    "base_model: meta-llama/Llama-3.1-8B\nadapter: lora\nlora_r: {r}\nlora_target_linear: true\n"
    "micro_batch_size: {b}\nsequence_len: {s}\n"
)
TORCHTUNE = (
    "model:\n  _component_: torchtune.models.llama3_1.lora_llama3_1_8b\n  lora_attn_modules: [q_proj]\n"
    "  lora_rank: {r}\n  lora_alpha: 16\ntokenizer:\n"
    "  _component_: torchtune.models.llama3.llama3_tokenizer\n  path: /tmp/x\n  max_seq_len: {s}\n"
    "batch_size: {b}\ndtype: bf16\noptimizer:\n  _component_: torch.optim.AdamW\n"
)
TRL = (
    "model_name_or_path: meta-llama/Llama-3.1-8B\nuse_peft: true\nlora_r: {r}\ndataset_name: x\n"
    "output_dir: y\nper_device_train_batch_size: {b}\nmax_length: {s}\n"
)
LLAMAFACTORY = (
    "model_name_or_path: meta-llama/Llama-3.1-8B\nstage: sft\ndo_train: true\nfinetuning_type: lora\n"
    "lora_rank: {r}\ntemplate: llama3\ndataset: x\nper_device_train_batch_size: {b}\ncutoff_len: {s}\n"
)
LITGPT = (
    "checkpoint_dir: checkpoints/meta-llama/Llama-3.2-1B\nlora_r: {r}\nlora_query: true\n"
    "precision: bf16-true\n"
    "train:\n  micro_batch_size: {b}\n  max_seq_length: {s}\n"
)
JOB = (
    "vramlint: 1\nmodel: meta-llama/Llama-3.1-8B\nmethod: lora\nadapter: {{r: {r}}}\nmicro_batch_size: {b}\n"
    "sequence_length: {s}\n"
)
TORCHTITAN = (
    '[model]\nname = "llama3"\nflavor = "8B"\n[training]\nlocal_batch_size = {b}\nseq_len = {s}\n'
    "[parallelism]\ntensor_parallel_degree = {r}\n"
)
DIALECTS = {
    "axolotl": AXOLOTL,
    "torchtune": TORCHTUNE,
    "trl": TRL,
    "llamafactory": LLAMAFACTORY,
    "litgpt": LITGPT,
    "job": JOB,
    "torchtitan": TORCHTITAN,
}
SOUND = {"r": "2", "b": "1", "s": "2048"}
NONSENSE = ("0", "-4", "abc", "[1, 2]", "1.5", "99999999999", "-.inf")


def check(text: str, folder: Path, name: str = "x.yaml", **overrides: object) -> Analysis:
    document = Document.parse(text, str(folder / name))
    return analyse(document, Workspace(folder), Overrides(**{"gpu": "A100-80GB", **overrides}))  # type: ignore[arg-type]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sound_values_have_a_verdict(dialect: str, tmp_path: Path) -> None:
    name = "x.toml" if dialect == "torchtitan" else "x.yaml"
    assert check(DIALECTS[dialect].format(**SOUND), tmp_path, name).verdict == "fits"


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: value[:12])
@pytest.mark.parametrize("key", SOUND)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_nonsense_at_a_deciding_key_is_an_error_and_no_verdict(
    dialect: str, key: str, value: str, tmp_path: Path
) -> None:
    toml = dialect == "torchtitan"
    if toml and value in ("abc", "-.inf"):
        value = f'"{value}"'
    analysis = check(
        DIALECTS[dialect].format(**{**SOUND, key: value}), tmp_path, "x.toml" if toml else "x.yaml"
    )
    assert analysis.verdict == "unknown"
    messages = [found.message for found in analysis.findings if found.severity == "error"]
    assert messages


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_number_of_any_length_is_said_in_a_few_words(dialect: str, tmp_path: Path) -> None:
    text = DIALECTS[dialect].format(**{**SOUND, "b": "9" * 5000})
    analysis = check(text, tmp_path, "x.toml" if dialect == "torchtitan" else "x.yaml")
    messages = [found.message for found in analysis.findings if found.severity == "error"]
    assert messages
    assert max(map(len, messages)) <= LONGEST_MESSAGE


def test_a_value_that_is_filled_in_elsewhere_is_no_error(tmp_path: Path) -> None:
    analysis = check(AXOLOTL.format(r=8, b="${BATCH}", s=2048), tmp_path)
    (finding,) = analysis.findings
    assert (finding.code, finding.severity, finding.at.key) == ("VL104", "warning", ("micro_batch_size",))
    assert finding.message == "no verdict: micro_batch_size is ${BATCH}, which is filled in elsewhere"


def test_nonsense_in_a_companion_is_placed_there(tmp_path: Path) -> None:
    (tmp_path / "zero.json").write_text('{"zero_optimization": {"stage": "three"}}')
    analysis = check(AXOLOTL.format(**SOUND) + "deepspeed: zero.json\n", tmp_path)
    assert analysis.verdict == "unknown"
    assert "zero.json" in {finding.at.document for finding in analysis.findings}


def test_without_a_gpu_the_need_is_said_and_gpus_that_suffice_are_offered(tmp_path: Path) -> None:
    text = AXOLOTL.format(**SOUND)
    analysis = check(text, tmp_path, gpu=None)
    (finding,) = analysis.findings
    assert finding.code == "VL104"
    assert "GiB" in finding.message
    assert "gpu=" in finding.message
    for fix in fixes_for(analysis, finding):
        assert fix.by_hand, "no bulk fix decides on which GPU the run is"
        assert check(apply_edits(text, fix.edits), tmp_path, gpu=None).verdict == "fits"


@pytest.mark.parametrize(
    "text",
    [
        AXOLOTL.format(**SOUND),
        AXOLOTL.format(**SOUND).replace("meta-llama/Llama-3.1-8B", "acme/nobody-knows"),
        f"# vramlint: ignore-file\n{AXOLOTL.format(**SOUND)}",
    ],
    ids=["no-gpu", "unknown-model", "ignored"],
)
def test_a_required_verdict_that_is_missing_is_an_error(text: str, tmp_path: Path) -> None:
    ignored = Selection(ignore=("VL104", "VL903"))
    analysis = check(text, tmp_path, gpu=None, require_verdict=True, rules=ignored)
    assert "error" in {finding.severity for finding in (*analysis.findings, *analysis.suppressed)}


def test_a_required_verdict_makes_no_error_of_other_findings(tmp_path: Path) -> None:
    analysis = check(AXOLOTL.format(**SOUND) + "no_such_key: 1\n", tmp_path, require_verdict=True)
    assert analysis.verdict == "fits"
    assert [(finding.code, finding.severity) for finding in analysis.findings] == [("VL002", "warning")]


def test_a_file_that_does_not_train_needs_no_verdict(tmp_path: Path) -> None:
    text = "model_name_or_path: meta-llama/Llama-3.1-8B\nfinetuning_type: lora\ntemplate: llama3\n"
    text += "export_dir: x\n"
    assert check(text, tmp_path, gpu=None, require_verdict=True).findings == ()


def test_a_run_that_the_framework_refuses_has_no_verdict() -> None:
    """transformers' Trainer stops at checkpointing of its own beside that of FSDP."""
    run = (
        "# vramlint: gpu=H100-80GB x8\n"
        + TRL.format(**SOUND)
        + "bf16: true\nfsdp: full_shard\nfsdp_config: {activation_checkpointing: true}\n"
    )
    verdicts = {}
    for switched in ("true", "false"):
        text = run + f"gradient_checkpointing: {switched}\n"
        analysis = analyse(Document.parse(text, "/w/a.yaml"), Workspace("/w"))
        assert analysis.estimate is not None
        verdicts[switched] = analysis.verdict
        assert bool(analysis.estimate.refused) is (switched == "true")
        assert not any(finding.code == "VL104" for finding in analysis.findings)
    assert verdicts == {"true": "unknown", "false": "fits"}


def test_only_a_value_that_decides_takes_the_verdict(tmp_path: Path) -> None:
    for key, verdict in (("wandb_project: [1, 2]", "fits"), ("lora_r: [1, 2]", "unknown")):
        text = AXOLOTL.format(**SOUND) + f"adapter: lora\nlora_target_linear: true\n{key}\n"
        assert check(text, tmp_path).verdict == verdict, key
