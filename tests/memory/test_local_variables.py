"""Tensors that local variables of the frameworks' functions hold, and no longer."""

from __future__ import annotations

from vramlint.memory.ops.adapters import updated_weight_norm
from vramlint.memory.ops.attention import AttentionCall
from vramlint.memory.ops.linear import Linear, LoraWeights
from vramlint.memory.ops.sinks import sink_attention
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Parameter


def test_doras_identity_lives_while_both_factors_run() -> None:
    """`lora_B(lora_A(x_eye)).T` with `x_eye` in float32 beside its cast (peft 0.21.2, tuners/lora/dora.py,
    get_lora_weight).
    """
    t = Tape("bfloat16")
    out, inner, rank = 256, 4096, 8
    layer = Linear(Parameter("w", (out, inner), "bfloat16", False))
    factors = Parameter("a", (rank, inner), "float32", True), Parameter("b", (out, rank), "float32", True)
    layer.lora = LoraWeights(*factors, 0.0)
    updated_weight_norm(t, layer)
    assert t.ledger.peak == (4 + 2) * inner**2 + 2 * out * inner


def test_scores_under_sinks_are_replaced_as_they_are_computed() -> None:
    """Masked scores, scores less their maximum, and probabilities: the rest is rebound
    (modeling_gpt_oss.py, eager_attention_forward).
    """
    t = Tape()
    heads, tokens, size = 8, 512, 16
    q = t.new((1, heads, tokens, size), "bfloat16", "query")
    k, v = (t.new((1, heads, tokens, size), "bfloat16", "key or value") for _ in range(2))
    mask = t.new((1, 1, tokens, tokens), "bfloat16", "mask")
    before = t.ledger.current
    call = AttentionCall("eager", mask)
    sink_attention(t, q, k, v, call, Parameter("sinks", (heads,), "bfloat16", False))
    one, wide = 2 * heads * tokens**2, 2 * heads * tokens * (tokens + 1)
    assert t.ledger.peak - before == one + 2 * wide
