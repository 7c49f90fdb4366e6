"""What each line, each word and each number of a training script decides, as text that a reader can review:
the script without the line, and with a call in place of the value, which nobody can follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import script_texts
import started_programs
import test_scripting_loops as loops
import test_scripting_runs as runs
import test_torchtitan_configs as torchtitan
from test_scripting_runs import described

CHANGED = """
def large() -> Trainer.Config:
    config = small()
    config.model_spec = model_registry("8B", converters=[Float8LinearConverter.Config()])
    config.training = TrainingConfig(
        local_batch_size=2, seq_len=8192, dtype="bfloat16", mixed_precision_param="bfloat16"
    )
    config.parallelism = ParallelismConfig(tensor_parallel_degree=2, data_parallel_replicate_degree=2)
    config.activation_checkpoint = SelectiveAC.Config(selective_ac_option="2")
    config.compile = CompileConfig(enable=True, components=["model"])
    config.optimizer = OptimizersContainer.Config(name="AdamW", implementation="foreach")
    config.loss = ChunkedLossWrapper.Config(num_chunks=4)
    return config
"""
SCRIPTS = {
    "plain loop": loops.PLAIN,
    "accelerate": loops.HEAD + loops.ACCELERATE,
    "lightning": loops.HEAD.rpartition("tok =")[0] + loops.LIGHTNING,
    "engine": loops.ENGINE,
    "trl": runs.SCRIPT,
    "prepared": runs.KBIT,
    "modal": runs.MODAL,
    "arguments": started_programs.ARGPARSE.replace("required=True", "default='gpt2'"),
    "torchtitan": torchtitan.HEAD + CHANGED,
    "unsloth": "".join(text for text in runs.UNSLOTH if text.startswith(("from", "trainer"))),
    "data classes": started_programs.CLASSES,
    **script_texts.SCRIPTS,
}
JOB = "loop", "precision", "gradient_clipping", "loss", "trainable_layers", "adapter", "parallel"
"""Fields of the job that no field of a run tells."""
_VALUE = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|(?<![\w.\"])\d[\w.]*|\b(?:True|False|None)\b")


def said(folder: Path, text: str) -> dict[str, str]:
    """All that is said of the runs, by field; of a second run too."""
    found: dict[str, str] = {}
    for number, run in enumerate(described(folder, text, gpu="A100-80GBx2")):
        ahead = f"run {number + 1} " if number else ""
        for name, field in run.fields.items():
            place = field.place
            where = text[place.span.start : place.span.end] if place is not None else ""
            found[ahead + name] = f"{field.value!r}" + (
                f" by {' '.join(where.split())[:50]}" if where else ""
            )
        found |= {f"{ahead}open {unknown.field}": unknown.why for unknown in run.open}
        found[f"{ahead}verdict"] = str(run.verdict)
        found |= {
            f"{ahead}job {name}": value for name, value in _job(run.reading.job if run.reading else None)
        }
    return found


def _job(job: Any) -> Iterator[tuple[str, str]]:
    for name in JOB if job is not None else ():
        yield name, str(getattr(job, name))


def changed(text: str) -> Iterator[tuple[str, str]]:
    """The script with one change, and what it is."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.strip():
            without = line if line.rstrip().endswith((":", "(", "{")) else "pass\n"
            indented = line[: len(line) - len(line.lstrip())] + without.lstrip()
            if indented != line:
                yield (
                    f"{number + 1} without {line.strip()}",
                    "".join([*lines[:number], indented, *lines[number + 1 :]]),
                )
        for value in _VALUE.finditer(line):
            other = line[: value.start()] + "unknown()" + line[value.end() :]
            yield f"{number + 1} {other.strip()}", "".join([*lines[:number], other, *lines[number + 1 :]])


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_line_decides(name: str, tmp_path: Path, snapshot: Callable[[str, str], None]) -> None:
    before = said(tmp_path, SCRIPTS[name])
    lines = [f"{key}: {value}" for key, value in before.items()] + [""]
    for what, text in changed(SCRIPTS[name]):
        after = said(tmp_path, text)
        lines.append(what)
        gone = [key for key in before if key not in after]
        if len(gone) > 3:
            lines.append(f"  {len(gone)} not said: {gone[0]} … {gone[-1]}")
        else:
            lines += [f"  {key}: not said" for key in gone]
        lines += [f"  {key}: {value}" for key, value in after.items() if before.get(key) != value]
    snapshot(f"lines-{name.replace(' ', '-')}.txt", "\n".join(lines).replace(str(tmp_path), "") + "\n")
