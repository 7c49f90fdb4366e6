"""flash-linear-attention's kernels beside what its Python allocates around them (fla-core 0.5.2, run on the
CPU with kernels that do nothing and every storage followed).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import estimate_of

from vramlint.memory.ops.fla import kernel_delta_rule
from vramlint.memory.ops.shape import split
from vramlint.memory.tape import Tape

TOKENS, KEY_HEADS, HEADS, SIZE = 1024, 4, 8, 128
AXOLOTL = """# vramlint: gpu=A100-80GB
base_model: Qwen/Qwen3.5-4B
datasets: [{path: a, type: alpaca}]
sequence_len: 4096
micro_batch_size: 1
adapter: lora
lora_r: 8
lora_target_modules: [q_proj]
bf16: true
plugins: [axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin]
"""


def test_the_gated_delta_rule_allocates_what_the_library_does() -> None:
    """Query, key and value as parts of one tensor; forward and backward, to the byte."""
    t = Tape()
    keys, values = KEY_HEADS * SIZE, HEADS * SIZE
    mixed = t.leaf(t.new((1, TOKENS, 2 * keys + values), "bfloat16", "query, key and value"))
    before = t.ledger.current
    t.ledger.restart_peak()
    decay = t.leaf(t.new((1, TOKENS, HEADS), "float32", "decay"))
    beta = t.leaf(t.new((1, TOKENS, HEADS), "bfloat16", "beta"))
    parts = split(t, mixed, ((1, TOKENS, keys), (1, TOKENS, keys), (1, TOKENS, values)), "parts")
    heads = [part.view(1, TOKENS, part.shape[-1] // SIZE, SIZE) for part in parts]
    out = kernel_delta_rule(t, *heads, decay, beta)
    del parts, heads
    assert t.ledger.peak - before == 24_264_704
    assert t.ledger.current - before == 9_584_640
    assert out.node is not None
    out.node.grad = t.new(out.shape, "bfloat16", "gradient of the output")
    t.ledger.restart_peak()
    t.backward(0)
    assert t.ledger.peak - before == 39_026_688


@pytest.mark.parametrize(
    ("keys", "versions", "path"),
    [
        ("sample_packing: true\n", "", "fla-packed"),
        ("sample_packing: true\n", " versions=axolotl@0.13", "fla-packed"),
        ("", "", "fla"),
        ("", " versions=axolotl@0.13", "torch"),
    ],
)
def test_axolotl_brings_the_kernels_along(tmp_path: Path, keys: str, versions: str, path: str) -> None:
    text = AXOLOTL.replace("A100-80GB", f"A100-80GB{versions}") + keys
    estimate = estimate_of(tmp_path, text)
    said = any("plain PyTorch path" in note for note in estimate.notes)
    assert said == (path == "torch")
    older = AXOLOTL.replace("A100-80GB", "A100-80GB versions=axolotl@0.13")
    plain = estimate_of(tmp_path, older)
    smaller = estimate.components["activations"] < 0.8 * plain.components["activations"]
    assert smaller == (path != "torch")
