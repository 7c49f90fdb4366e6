"""What a file costs that is none of ours, counted in calls: no clock."""

from __future__ import annotations

from pathlib import Path

from work import calls

from vramlint.project.prefilter import could_be_config
from vramlint.project.walk import files_in

OTHER = b"".join(b"key_%d: value\n" % number for number in range(40))
MOST_CALLS = 30
"""To see that a file is no config, when another of its folder was looked at before."""


def test_the_second_file_of_a_folder_costs_a_few_calls(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*"abcdefgh")
    assert not could_be_config(OTHER, str(deep / "1.yaml"))
    assert calls(lambda: could_be_config(OTHER, str(deep / "2.yaml"))) <= MOST_CALLS + len(deep.parts) * 8


def test_walking_costs_a_few_calls_a_file(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.yaml").touch()
    once = calls(lambda: list(files_in([str(tmp_path)])))
    for number in range(200, 400):
        (tmp_path / f"{number}.yaml").touch()
    assert calls(lambda: list(files_in([str(tmp_path)]))) - once <= 200 * 20


def test_names_are_as_they_were_given(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.yaml").touch()
    top = str(tmp_path / "a")
    assert list(files_in([top])) == [str(tmp_path / "a" / "b" / "c.yaml")]
    assert list(files_in([f"{top}/"])) == [str(tmp_path / "a" / "b" / "c.yaml")]
