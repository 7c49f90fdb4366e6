"""Paths as other systems write them."""

import ntpath
import posixpath

import pytest

from vramlint.project.paths import folder_of, is_skipped


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("C:\\runs\\train.yaml", "C:\\runs"),
        ("runs/train.yaml", "runs"),
        ("runs\\sub/train.yaml", "runs\\sub"),
        ("train.yaml", "."),
        ("\\\\host\\share\\a.yaml", "\\\\host\\share\\"),
    ],
)
def test_windows_separators_count_on_windows(path: str, folder: str) -> None:
    assert folder_of(path, ntpath) == folder


@pytest.mark.parametrize(("path", "folder"), [("a/b.yaml", "a"), ("b.yaml", "."), ("a\\b.yaml", ".")])
def test_elsewhere_a_backslash_is_part_of_a_name(path: str, folder: str) -> None:
    assert folder_of(path, posixpath) == folder


def test_skipped_folders() -> None:
    assert all(map(is_skipped, ("venv", ".git", "node_modules", "wandb")))
    assert not any(map(is_skipped, ("configs", "examples")))
