"""Programs and scripts that ask for more than is followed: that is said once, and costs a bounded work and
memory.
"""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.dialects.scripting.program import read_program
from vramlint.document import Document
from vramlint.document.language import Language
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

_HEAD = "from trl import SFTConfig, SFTTrainer\nfrom transformers import AutoModelForCausalLM\n"
_TAIL = (
    'm = AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-0.5B")\n'
    "args = SFTConfig(output_dir=str(x), per_device_train_batch_size=4, max_length=512)\n"
    "SFTTrainer(model=m, args=args).train()\n"
)
_GROWING = {
    "a text in a text": 'x = "ab"\n' + 'x = f"{x}{x}{x}"\n' * 60,
    "bytes": 'x = b"ab"\n' + "x = x + x\n" * 60,
    "a list and itself": 'x = ["ab"]\n' + "x = x + x\n" * 60,
    "a list that takes itself in": "x = [1]\n" + "x.extend(x)\n" * 60,
    "dictionaries in dictionaries": 'x = {"a": 1}\n' + 'x = {"a": x, "b": x}\n' * 60,
    "a list that holds itself": "x = [1]\nx.append(x)\n",
    "a width": 'x = "%999999999d" % 1\n',
    "a precision": 'x = "%.999999999f" % 1.0\n',
    "replacing": 'x = "a" * 5\n'
    + 'x = "aaaaaaaa".replace("a", "aaaaaaaa")\n'
    + 'x = x.replace("a", x)\n' * 30,
    "formatting": 'x = "{0}{0}"\n' + "x = x.format(x)\n" * 60,
    "rounding": "x = round(5, -999999999)\n",
    "a number in hexadecimal": f"x = 0x{'f' * 20_000}\nx = f'{{x}}' + str(x % 7)\n",
}
_MOST_MEMORY = 40 << 20


def _said(text: str, path: str) -> Analysis:
    return analyse(Document.parse(text, path), Workspace(Path(path).parent), Overrides())


@pytest.mark.parametrize("name", _GROWING)
def test_values_that_grow_take_little_memory(name: str) -> None:
    text = _HEAD + _GROWING[name] + _TAIL
    tracemalloc.start()
    try:
        program = read_program(text, "python", lambda name: None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < _MOST_MEMORY
    assert program.reading.unread == ""


_LONG = {
    "statements": "\n".join(f"a{number} = {number}" for number in range(40_000)),
    "one line": "x = [" + "1," * 60_000 + "]",
    "functions that call each other": "def f(n):\n    return f(n - 1) + f(n - 1)\nx = f(100)",
    "loops in loops": "".join(f"{' ' * k}for i{k} in [{'1, ' * 16}]:\n" for k in range(8))
    + " " * 8
    + "x = 1",
    "a dictionary that is copied": "d = {}\n" + "".join(f'd = {{**d, "k{n}": {n}}}\n' for n in range(4_000)),
    "calls of one function": "def f(n):\n    print(n)\n" + "".join(f"f({n})\n" for n in range(12_000)),
}


@pytest.mark.parametrize("name", _LONG)
def test_a_program_that_is_too_long_has_no_verdict(name: str, tmp_path: Path) -> None:
    found = _said(_HEAD + _LONG[name] + "\n" + _TAIL, str(tmp_path / "train.py"))
    assert len(found.runs) == 1
    assert found.estimate is None
    assert found.cannot is not None
    assert "too long to follow: more than" in found.cannot.message


def test_one_budget_holds_for_each_kind_of_program() -> None:
    cell = {"cell_type": "code", "source": "x = 1\n" * 40, "metadata": {}, "outputs": []}
    notebook = json.dumps({"cells": [cell] * 1_000, "nbformat": 4, "nbformat_minor": 5, "metadata": {}})
    kinds: tuple[tuple[str, Language], ...] = (("x = 1\n" * 40_000, "python"), (notebook, "notebook"))
    for text, language in kinds:
        assert read_program(text, language, lambda name: None).reading.unread


def test_a_script_that_is_too_long_keeps_its_first_runs_and_says_so(tmp_path: Path) -> None:
    line = "llamafactory-cli train --model_name_or_path Qwen/Qwen2.5-0.5B --stage sft --cutoff_len 512\n"
    found = _said(line + "true\n" * 3_000 + line, str(tmp_path / "go.sh"))
    assert any(each.cannot and "too long to follow" in each.cannot.message for each in found.runs)
    quiet = _said(line + "true\n" * 3_000, str(tmp_path / "go.sh"))
    assert not any(each.cannot and "too long to follow" in each.cannot.message for each in quiet.runs)
