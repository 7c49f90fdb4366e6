"""docs/memory-model.md: a section a component, examples in order (test_generated.py holds their figures)."""

from __future__ import annotations

import re

from doc_scripts import script

worked = script("worked_examples")
TEXT = worked.PAGE.read_text(encoding="utf-8")
EXAMPLES = worked.examples(TEXT)


def test_examples_are_numbered_in_order() -> None:
    assert [example.number for example in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))
    assert len(EXAMPLES) >= 20
    assert TEXT.count("```yaml") == len(EXAMPLES)


def test_each_component_has_its_section() -> None:
    headings = re.findall(r"^##+ (.+)$", TEXT, re.MULTILINE)
    for part in ("Weights", "Gradients", "Optimizer states", "Activations", "loss", "Checkpointing", "LoRA"):
        assert any(part in heading for heading in headings), part
    for part in ("attention", "sharding", "allocator", "error band"):
        assert any(part.lower() in heading.lower() for heading in headings), part
