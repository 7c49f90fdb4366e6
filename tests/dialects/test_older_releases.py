"""What keys make of a run under older releases and not today, as text that a reader can review."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from json import dumps

import pytest
from dialect_seeds import with_values
from key_effects import bases, effect, read, said, tried
from test_key_effects import WITHOUT_JOBS

from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Dialect

BASES = ("seed", "adapter", "preferences", "shards")
RELEASES: Mapping[str, Mapping[str, str]] = {
    "spring 2024": {
        "axolotl": "0.4", "trl": "0.7.4", "transformers": "4.38", "torch": "2.1", "llamafactory": "0.6",
        "unsloth": "2024.3", "accelerate": "0.27", "peft": "0.9", "bitsandbytes": "0.42",
        "deepspeed": "0.13", "torchtitan": "0.0.1",
    },
    "end of 2024": {
        "axolotl": "0.6", "trl": "0.13", "transformers": "4.47", "torch": "2.5", "llamafactory": "0.9.1",
        "unsloth": "2024.12", "accelerate": "1.2", "peft": "0.14", "bitsandbytes": "0.45",
        "deepspeed": "0.16",
    },
    "autumn 2025": {
        "axolotl": "0.12", "trl": "0.23", "transformers": "4.56", "torch": "2.8", "llamafactory": "0.9.4",
        "prime-rl": "0.4", "accelerate": "1.10", "deepspeed": "0.17", "torchtitan": "0.1",
    },
    "spring 2026": {
        "axolotl": "0.15", "trl": "1.0", "transformers": "5.2", "torch": "2.10", "prime-rl": "0.6",
        "unsloth": "2026.3", "accelerate": "1.13",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "dialect",
    [each for each in load_all() if each.name not in WITHOUT_JOBS and not each.own],
    ids=lambda dialect: dialect.name,
)
def test_what_a_key_did(dialect: Dialect, snapshot: Callable[[str, str], None]) -> None:
    lines: list[str] = []
    for name, base in bases(dialect):
        if name not in BASES:
            continue
        if read(dialect, base).job is None:
            continue
        today = said(read(dialect, base))
        effects = {
            (path, dumps(value)): effect(today, read(dialect, with_values(base, {path: value})), path)
            for path, values in tried(dialect, "")
            for value in values
        }
        for era, versions in RELEASES.items():
            before = said(read(dialect, base, versions))
            changed = [
                f"{key} {before.get(key)}" for key in {**today, **before} if before.get(key) != today.get(key)
            ]
            lines += [f"# {name}, {era}: {'; '.join(changed)}", ""]
            for path, values in tried(dialect, ""):
                for value in values:
                    done = effect(before, read(dialect, with_values(base, {path: value}), versions), path)
                    if done != effects[path, dumps(value)]:
                        lines.append(f"{path} = {dumps(value)}: {done or 'nothing'}")
            lines.append("")
    snapshot(f"older-{dialect.name}.txt", "\n".join(lines))
