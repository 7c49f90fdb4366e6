"""The gate stays shut: no slip in settings, flags, comments or files makes a run pass unseen."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_running import Run

from vramlint.analysis import registry
from vramlint.catalog import nvml
from vramlint.cli import main
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule
from vramlint.project import hardware

CONFIG = """\
# vramlint: gpu=RTX-4090
base_model: meta-llama/Llama-3.1-8B
sequence_len: 4096
micro_batch_size: 2
bf16: auto
datasets: [{path: x, type: alpaca}]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.yaml").write_text(CONFIG)
    return tmp_path


@pytest.mark.parametrize("flag", ["--select", "--ignore", "--extend-select", "--extend-ignore"])
@pytest.mark.parametrize(
    ("entry", "hint"),
    [("VL11O", "did you mean VL1"), ("does-not-fits", "does-not-fit"), ("VL101,foo", "'foo'")],
)
def test_a_flag_with_an_unknown_rule(
    config: Path, capsys: pytest.CaptureFixture[str], flag: str, entry: str, hint: str
) -> None:
    assert main(["check", flag, entry, "train.yaml"]) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize(
    "setting",
    [
        'select = ["VL77"]',
        'ignore = ["VL77"]',
        'extend-select = ["VL77"]',
        'extend-ignore = ["VL77"]',
        'per-file-ignores = { "*.yaml" = ["VL77"] }',
        'per-path = { "*.yaml" = { ignore = ["VL77"] } }',
        'ignore = [""]',
        'select = [" VL101"]',
        'severity = { "" = "off" }',
        'gpu = "RTX-4O90"',
        'per-path = { "*.yaml" = { gpu = "RTX-4O90" } }',
        'versions = { axolotol = "0.18" }',
        'versions = { axolotl = "main" }',
        'dialect = "axolotol"',
        'ram = "much"',
        'exclude = ["!"]',
        'respect-gitignore = "yes"',
        'severity = { does-not-fits = "off" }',
        'igore = ["VL402"]',
        'select = "VL101"',
        'rules = ["no-such-pack"]',
        'rules = [""]',
        "select = [",
    ],
)
@pytest.mark.parametrize("beside", ["", 'ignore = ["VL905"]\n', 'severity = { VL905 = "off" }\n'])
def test_settings_that_cannot_be_used(
    config: Path, capsys: pytest.CaptureFixture[str], setting: str, beside: str
) -> None:
    if beside and setting.partition(" ")[0] == beside.partition(" ")[0]:
        beside = ""
    (config / "vramlint.toml").write_text(f"{beside}{setting}\n")
    (config / "train.yaml").write_text(CONFIG.partition("\n")[2])
    assert main(["check", "--output-format", "concise", "train.yaml"]) == 2
    found = capsys.readouterr().out
    assert "error[VL905]" in found or "error[VL901]" in found


@pytest.mark.parametrize("entry", ["VL1", "vl101", "does-not-fit", "ALL"])
def test_codes_prefixes_and_names_are_taken(config: Path, entry: str) -> None:
    assert main(["check", "--select", entry, "train.yaml"]) == 1


def test_a_bulk_fix_never_changes_the_model(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "train.yaml").write_text(
        CONFIG.replace("meta-llama/Llama-3.1-8B", "mistralai/Voxtral-Mini-3B-2507")
    )
    main(["check", "--diff", "--unsafe-fixes", "train.yaml"])
    assert "base_model" not in capsys.readouterr().out


LARGE = CONFIG.partition("\n")[2]
"""The same without a GPU."""


@pytest.mark.parametrize("hidden", ['ignore = ["VL9"]', 'select = ["VL101"]', 'severity = { ALL = "hint" }'])
@pytest.mark.parametrize("comment", ["gpu=RTX-4O90", "gpu RTX-4090", "dialect=axolotol", "gpus=RTX-4090"])
def test_a_comment_that_says_nothing_is_an_error_whatever_the_settings_hide(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch, hidden: str, comment: str
) -> None:
    monkeypatch.chdir(config)
    (config / "vramlint.toml").write_text(f"{hidden}\n")
    (config / "train.yaml").write_text(f"# vramlint: {comment}\n# vramlint: ignore-file\n{LARGE}")
    assert run("check", "train.yaml").code == 1
    run("check", "train.yaml", "--generate-baseline", "known.json")
    assert run("check", "train.yaml", "--baseline", "known.json").code == 1


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("ignore[VL11O]", "did you mean VL110"),
        ("ignore-file[VL101, does-not-fits]", "did you mean does-not-fit"),
        ("ignore-file[]", "names no rule"),
        ("versions=axolotol@0.18", "did you mean axolotl"),
        ("gpu=H200", "gpu is 'RTX-4090' in a comment above"),
    ],
)
def test_a_comment_with_a_slip(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch, comment: str, said: str
) -> None:
    monkeypatch.chdir(config)
    (config / "train.yaml").write_text(f"# vramlint: gpu=RTX-4090\n# vramlint: {comment}\n{LARGE}")
    outcome = run("check", "train.yaml")
    assert outcome.code == 1
    assert "error[VL905]" in outcome.out
    assert said in outcome.out


def test_each_run_of_a_script_counts(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = "trl sft --dataset_name x --model_name_or_path {}\n"
    text = "# vramlint: gpu=H100\n" + line.format("Qwen/Qwen2.5-0.5B") + line.format("nobody/knows-this")
    (tmp_path / "train.sh").write_text(text)
    outcome = run("check", "train.sh")
    assert outcome.out.endswith("2 runs: 1 fits, 1 without a verdict\n")
    (file,) = run("check", "train.sh", "--output-format", "json").json["files"]
    assert file["verdicts"] == ["fits", "unknown"]
    assert run("check", "train.sh", "--require-verdict").code == 1


def test_a_name_of_two_sizes_is_asked_about(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(config)
    lora = LARGE + "adapter: lora\nlora_r: 8\nlora_alpha: 16\nlora_target_linear: true\n"
    (config / "train.yaml").write_text(lora)
    (config / "vramlint.toml").write_text('gpu = "A100"\n')
    outcome = run("check", "train.yaml", "--output-format", "concise")
    assert "name A100 40GB SXM or A100 80GB SXM" in outcome.out
    assert outcome.out.endswith("1 run: 1 without a verdict\n")
    assert run("check", "train.yaml", "--require-verdict").code == 1


@pytest.mark.parametrize(
    "text",
    [
        None,
        "garbage",
        "[]",
        "{}",
        '{"version": 9, "findings": []}',
        '{"version": 1, "findings": [{}]}',
        '{"version": 1, "findings": [{"fingerprint": "x", "code": "VL11O"}]}',
    ],
)
def test_a_baseline_that_is_none(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.chdir(config)
    if text is not None:
        (config / "known.json").write_text(text)
    outcome = run("check", "train.yaml", "--baseline", "known.json")
    assert outcome.code == 2
    assert "known.json" in outcome.err


@pytest.mark.parametrize(
    "flags",
    [
        ("--config", "missing.toml"),
        ("--config", "train.yaml"),
        ("--config", "vramlint.toml", "--isolated"),
        ("--exclude", "!"),
        ("--gpu", ""),
        ("--gpu", "RTX-4090x0"),
        ("--jobs", "0"),
        ("--fail-on", "fatal"),
        ("--output-file", "no/such/folder"),
        ("--generate-baseline", "no/such/folder"),
        ("missing.yaml",),
    ],
)
def test_a_flag_that_cannot_be_followed(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    monkeypatch.chdir(config)
    (config / "vramlint.toml").write_text("")
    assert run("check", "train.yaml", *flags).code == 2


class TestNothingToCheck:
    def test_an_empty_folder(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        outcome = run("check")
        assert outcome.code == 2
        assert "nothing to check" in outcome.err

    @pytest.mark.parametrize("pattern", ["*", "**", "*.*"])
    def test_an_exclusion_of_everything(
        self, run: Run, config: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
    ) -> None:
        monkeypatch.chdir(config)
        assert run("check", "--exclude", pattern).code == 2
        (config / "vramlint.toml").write_text(f'exclude = ["{pattern}"]\n')
        assert run("check").code == 2

    def test_what_pre_commit_names_may_all_be_excluded(
        self, run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(config)
        assert run("check", "--force-exclude", "--exclude", "*", "train.yaml").code == 0


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("vramlint.toml", lambda file: file.mkdir()),
        ("vramlint.toml", lambda file: file.symlink_to(os.devnull)),
        ("vramlint.toml", lambda file: file.symlink_to("moved.toml")),
        ("vramlint.toml", lambda file: file.write_bytes(b"\xff\xfe")),
        ("vramlint.toml", lambda file: file.write_text("select = [")),
        ("pyproject.toml", lambda file: file.write_bytes(b"[tool.vramlint]\ngpu = '\xff'\n")),
        ("pyproject.toml", lambda file: file.write_text("[tool.vramlint")),
        ("pyproject.toml", lambda file: file.symlink_to("moved.toml")),
    ],
)
def test_settings_that_cannot_be_read(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: object
) -> None:
    monkeypatch.chdir(config)
    assert callable(make)
    make(config / name)
    outcome = run("check", "train.yaml")
    assert outcome.code == 2
    assert "error[VL905]" in outcome.out


class TestCompanions:
    @pytest.fixture
    def sharded(self, config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(config)
        text = CONFIG.replace("RTX-4090", "H200x8") + "deepspeed: ds.json\n"
        (config / "train.yaml").write_text(text)
        return config

    @pytest.mark.parametrize("broken", [b"{", b"\xff\xfe", b"x" * (5 << 20), None])
    def test_one_that_is_there_and_cannot_be_read(
        self, run: Run, sharded: Path, broken: bytes | None
    ) -> None:
        if broken is None:
            (sharded / "ds.json").mkdir()
        else:
            (sharded / "ds.json").write_bytes(broken)
        outcome = run("check", "train.yaml")
        assert outcome.code == 1
        assert "train.yaml:7:12: error[VL904] 'ds.json' cannot be read" in outcome.out

    def test_one_that_is_missing_leaves_no_verdict_to_rely_on(self, run: Run, sharded: Path) -> None:
        outcome = run("check", "train.yaml")
        assert (outcome.code, "taken as ZeRO-2, with DeepSpeed's defaults" in outcome.out) == (0, True)
        assert run("check", "train.yaml", "--require-verdict").code == 1

    def test_one_that_comes_with_the_framework_does(self, run: Run, sharded: Path) -> None:
        file = sharded / "train.yaml"
        file.write_text(file.read_text().replace("ds.json", "deepspeed_configs/zero3.json"))
        assert run("check", "train.yaml", "--require-verdict").code == 0


class Raising(Rule):
    """Raises."""

    code = "VL999"
    name = "raising"
    summary = "raises"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        raise RuntimeError("a wheel came off")


def test_a_rule_that_fails_fails_the_run(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(config)
    (config / "train.yaml").write_text(CONFIG.replace("RTX-4090", "H200"))
    assert run("check", "train.yaml").code == 0
    monkeypatch.setattr(registry, "entries", lambda: (Raising(),))
    outcome = run("check", "train.yaml")
    assert outcome.code == 2
    assert "a wheel came off" in outcome.err


def test_a_folder_that_cannot_be_read_fails_the_run(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config)
    (config / "train.yaml").write_text(CONFIG.replace("RTX-4090", "H200"))
    (config / "closed").mkdir()
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    outcome = run("check", "--output-format", "sarif")
    assert outcome.code == 2
    assert "closed: permission denied" in outcome.err
    (log,) = json.loads(outcome.out)["runs"]
    assert not log["invocations"][0]["executionSuccessful"]


class TestRequiredVerdicts:
    @pytest.mark.parametrize(
        "text",
        [
            LARGE,
            CONFIG.replace("meta-llama/Llama-3.1-8B", "acme/unheard-of"),
            CONFIG.replace("micro_batch_size: 2", "micro_batch_size: ${BATCH}"),
            CONFIG.replace("micro_batch_size: 2", "micro_batch_size: -2"),
        ],
        ids=["no GPU", "unknown model", "filled in elsewhere", "nonsense"],
    )
    @pytest.mark.parametrize("hidden", ["", 'ignore = ["ALL"]', 'severity = { ALL = "off" }'])
    def test_a_run_without_one_fails(
        self, run: Run, config: Path, monkeypatch: pytest.MonkeyPatch, text: str, hidden: str
    ) -> None:
        monkeypatch.chdir(config)
        (config / "vramlint.toml").write_text(f"{hidden}\n")
        (config / "train.yaml").write_text(f"# vramlint: ignore-file\n{text}")
        assert run("check", "train.yaml", "--require-verdict").code == 1
        run("check", "train.yaml", "--generate-baseline", "known.json")
        assert run("check", "train.yaml", "--require-verdict", "--baseline", "known.json").code == 1


def test_a_rule_about_config_files_is_known_beside_a_script(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config)
    (config / "vramlint.toml").write_text('ignore = ["VL002"]\n')
    (config / "train.sh").write_text(
        "# vramlint: gpu=H200\n# vramlint: ignore-file[VL003]\nllamafactory-cli train "
        "--model_name_or_path Qwen/Qwen2.5-7B --stage sft --finetuning_type lora --do_train --bf16\n"
    )
    outcome = run("check", "train.sh")
    assert "VL905" not in outcome.out
    assert outcome.code == 0


class TestTheGpuOfThisMachine:
    @pytest.fixture(autouse=True)
    def none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nvml, "installed_gpus", list)
        hardware._installed.cache_clear()

    def test_in_the_settings(self, run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(config)
        (config / "train.yaml").write_text(LARGE)
        (config / "vramlint.toml").write_text('gpu = "auto"\n')
        outcome = run("check", "train.yaml", "--fail-on", "warning")
        assert outcome.code == 1
        assert "this machine has none" in outcome.out

    def test_in_a_comment_and_as_a_flag(
        self, run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(config)
        (config / "train.yaml").write_text(CONFIG.replace("RTX-4090", "auto"))
        outcome = run("check", "train.yaml")
        assert outcome.code == 1
        assert "this machine has none" in outcome.out
        assert "this machine has no GPU" in run("check", "train.yaml", "--gpu", "auto").err
