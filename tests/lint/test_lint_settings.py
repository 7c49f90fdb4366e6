from pathlib import Path

import pytest

from vramlint.project.settings import Settings, SettingsResolver, parse_settings


def test_nearest_file_wins(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.vramlint]\ngpu = "T4"\n')
    (tmp_path / "a" / "vramlint.toml").write_text('gpu = "L4"\n')
    resolver = SettingsResolver()
    assert resolver.for_file(str(inner / "x.yaml")).gpu == "L4"
    assert resolver.for_file(str(tmp_path / "x.yaml")).gpu == "T4"


def test_a_pyproject_without_our_table_is_passed_over(tmp_path: Path) -> None:
    inner = tmp_path / "a"
    inner.mkdir()
    (tmp_path / "vramlint.toml").write_text('gpu = "T4"\n')
    (inner / "pyproject.toml").write_text('[project]\nname = "x"\nkeywords = ["vramlint"]\n')
    assert SettingsResolver().for_file(str(inner / "x.yaml")).gpu == "T4"


def test_settings_are_remembered_until_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "vramlint.toml"
    file.write_text('gpu = "T4"\n')
    resolver = SettingsResolver()
    assert resolver.for_file(str(tmp_path / "x.yaml")).gpu == "T4"
    file.write_text('gpu = "L4"\n')
    assert resolver.for_file(str(tmp_path / "x.yaml")).gpu == "T4"
    resolver.forget()
    assert resolver.for_file(str(tmp_path / "x.yaml")).gpu == "L4"


def test_per_path(tmp_path: Path) -> None:
    (tmp_path / "vramlint.toml").write_text(
        'gpu = "T4"\n[versions]\ntorch = "2.4"\n'
        '[per-path."big/**"]\ngpu = "H100-80GB x8"\nignore = ["VL4"]\nversions = {trl = "1.10"}\n'
    )
    resolver = SettingsResolver()
    big = resolver.for_file(str(tmp_path / "big" / "deep" / "x.yaml"))
    assert big.gpu == "H100-80GB x8"
    assert big.versions == {"torch": "2.4", "trl": "1.10"}
    assert big.level("VL401", "x", "warning") is None
    assert resolver.for_file(str(tmp_path / "small" / "x.yaml")).gpu == "T4"


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.yaml", "x.yaml", True),
        ("*.yaml", "a/x.yaml", False),
        ("**/*.yaml", "x.yaml", True),
        ("**/*.yaml", "a/b/x.yaml", True),
        ("configs/", "configs/a/x.yaml", True),
        ("a?.yaml", "ab.yaml", True),
        ("a.yaml", "axyaml", False),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, path: str, matches: bool) -> None:
    (tmp_path / "vramlint.toml").write_text(f"[per-path.{pattern!r}]\ngpu = 'L4'\n")
    assert (SettingsResolver().for_file(str(tmp_path / path)).gpu == "L4") is matches


def test_severity_select_and_ignore() -> None:
    settings = parse_settings(
        'ignore = ["VL102"]\n[severity]\nVL2 = "error"\nVL202 = "off"\n', "vramlint.toml"
    )
    assert settings is not None
    assert settings.level("VL102", "tight-fit", "warning") is None
    assert settings.level("VL201", "x", "warning") == "error"
    assert settings.level("VL202", "no-effect", "warning") is None
    assert settings.level("VL101", "does-not-fit", "error") == "error"
    only = parse_settings('select = ["does-not-fit"]\n', "vramlint.toml")
    assert only is not None
    assert only.level("VL101", "does-not-fit", "error") == "error"
    assert only.level("VL201", "refused-combination", "error") is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("gpus = 'T4'", "did you mean `gpu`"),
        ("gpu = 4", "a string is expected"),
        ("ignore = 'VL101'", "a list of strings"),
        ("[severity]\nVL101 = 'fatal'", "severity"),
        ("companions-outside-workspace = 'yes'", "true or false"),
        ("[per-path]\n'a/**' = 3", "not a table"),
        ("gpu = ", "cannot be read as TOML"),
    ],
)
def test_mistakes_are_named_and_the_rest_is_used(text: str, named: str) -> None:
    settings = parse_settings(text, "vramlint.toml")
    assert settings is not None
    assert len(settings.problems) == 1
    assert named in settings.problems[0]


def test_no_settings(tmp_path: Path) -> None:
    assert SettingsResolver().for_file(str(tmp_path / "x.yaml")) == Settings()
