"""What `vramlint explain` knows beside rules: chapters of docs/memory-model.md, and keys of the dialects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vramlint.dialects import REGISTRY
from vramlint.dialects.kit.dialect import UNSET, Key
from vramlint.explain.format import value_text

TOPICS: dict[str, str] = {
    "textbook": "The textbook sum",
    "frameworks": "What real frameworks do differently",
    "peak": "A peak is a moment, not a sum",
    "weights": "Weights",
    "gradients": "Gradients",
    "optimizer-states": "Optimizer states",
    "activations": "Activations",
    "attention": "Attention variants",
    "logits": "Logits and the loss",
    "gradient-checkpointing": "Checkpointing",
    "lora": "LoRA and QLoRA",
    "qlora": "LoRA and QLoRA",
    "dpo": "Preference and online objectives",
    "grpo": "Preference and online objectives",
    "load": "Loading",
    "evaluation": "Evaluation",
    "save": "Saving",
    "sharding": "Sharding: data, tensor, sequence, context, pipeline, expert",
    "fsdp": "Sharding: data, tensor, sequence, context, pipeline, expert",
    "zero1": "Sharding: data, tensor, sequence, context, pipeline, expert",
    "zero2": "Sharding: data, tensor, sequence, context, pipeline, expert",
    "zero3": "Sharding: data, tensor, sequence, context, pipeline, expert",
    "reserved": "The allocator, the context, the libraries, the communicators",
    "overhead": "The allocator, the context, the libraries, the communicators",
    "error-band": "The error band",
    "not-counted": "What is not counted",
}
"""Chapters by the words that people ask for them with."""

_PLACES = (
    Path(__file__).with_name("memory-model.md"),  # in a wheel
    Path(__file__).resolve().parents[3] / "docs" / "memory-model.md",
)


def chapter(title: str) -> str:
    """A chapter of the memory model's page as Markdown; empty where the page was not installed."""
    page = next((place for place in _PLACES if place.is_file()), None)
    if page is None:
        return ""
    text = page.read_text(encoding="utf-8")
    found = re.search(rf"^(##+) {re.escape(title)}\n.*?(?=^#{{2,}} |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        return ""
    level = len(found[1])
    rest = re.search(rf"^#{{2,{level}}} ", text[found.end() :], re.MULTILINE)
    return text[found.start() : found.end() + rest.start() if rest else len(text)].rstrip()


def keys_named(name: str) -> Iterator[str]:
    """What a key does in each framework that has it, a paragraph each. The key may be given by its whole
    path, by its last part, or with its framework before it (`axolotl.sample_packing`).
    """
    for entry in REGISTRY:
        dialect = entry.load()
        wanted = name.removeprefix(f"{dialect.name}.")
        for key in dialect.keys:
            if wanted in (key.path, key.path.rpartition(".")[2]):
                yield _paragraph(dialect.title, key)


def key_names() -> set[str]:
    """Every key of every dialect, for the nearest spelling."""
    return {key.path for entry in REGISTRY for key in entry.load().keys}


def _paragraph(title: str, key: Key) -> str:
    lines = [f"{title}: {key.path}", f"    {key.effect}"]
    if key.default is not UNSET:
        lines.append(f"    default: {'unset' if key.default is None else value_text(key.default)}")
    choices = [choice for choice in key.choices if choice is not None]
    if choices:
        lines.append(f"    one of: {', '.join(value_text(choice) for choice in choices)}")
    if key.field is not None:
        lines.append(f"    decides: {key.field}")
    return "\n".join(lines)
