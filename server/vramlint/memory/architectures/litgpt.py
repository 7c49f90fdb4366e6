"""Frameworks that run a family through modules of their own."""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.network import Block, Inputs
from vramlint.memory.architectures.self_attention import fused_attention, self_attention
from vramlint.memory.ops.attention import attention, repeated
from vramlint.memory.ops.basic import copied
from vramlint.memory.ops.embedding import rotated
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.shape import split
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor
from vramlint.memory.weights import Weights

FUSED_GELU = {"gelu_new": "gelu_pytorch_tanh", "gelu_fast": "gelu_pytorch_tanh"}
"""LitGPT calls torch's own GELU where transformers writes its formula out (litgpt/model.py, GptNeoxMLP)."""


def as_implemented(decoder: Decoder, job: TrainingJob) -> Decoder:
    """The decoder as the job's framework writes it. LitGPT's GPT never ties its head to its embedding,
    whatever the checkpoint does (litgpt 0.5.13, model.py, GPT.__init__), and hands its attention no mask.
    """
    if job.runtime != "litgpt":
        return decoder
    return replace(
        decoder,
        tied=False,
        always_masked=False,
        activation=FUSED_GELU.get(decoder.activation, decoder.activation),
        pattern=tuple(
            replace(kind, attend=litgpt_attention)
            if kind.attend in (self_attention, fused_attention)
            else kind
            for kind in decoder.pattern
        ),
    )


def updated_width(job: TrainingJob, width: int, kv_width: int) -> int:
    """Columns of the fused projection that the adapter updates, where it is on some of query, key and value
    only; 0 where it is on all."""
    targets = job.adapter.targets if job.adapter is not None else ()
    if isinstance(targets, str):
        return 0
    plain = {target.partition(" ")[0] for target in targets}
    named = {"q": width, "k": kv_width, "v": kv_width}
    return 0 if plain >= named.keys() else sum(part for name, part in named.items() if name in plain)


def padded_with_zeros(t: Tape, x: Tensor, columns: int) -> Tensor:
    """The projection with an update of some columns in it: index_copy keeps the update for backward (litgpt
    lora.py, LoRAQKVLinear.zero_pad; torch 2.13, IndexCopyBackward0 saves its source).
    """
    if not (t.recording and x.node is not None):
        return x
    saved = t.save(t.new((*x.shape[:-1], columns), x.dtype, "update of the adapter, before it is padded"))

    def backward(grad: Tensor) -> Gradients:
        saved.open()
        return (grad,)

    return t.record(x.detach(), (x.node,), backward)


def litgpt_attention(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """One fused projection, whose whole output stays while any part of it is saved; key and value repeated
    to all heads before the kernel (litgpt 0.5.13, model.py, CausalSelfAttention.forward; lora.py,
    LoRAQKVLinear).
    """
    heads, kv_heads, size = decoder.heads, decoder.kv_heads, decoder.head_size
    width = heads * size
    qkv = weights.linear("attn.qkv_proj", (heads + 2 * kv_heads) * size, decoder.hidden, decoder.qkv_bias)
    o_proj = weights.linear("attn.o_proj", decoder.hidden, width, decoder.output_bias)
    window, table = kind.window, kind.positions
    updated = updated_width(weights.job, width, kv_heads * size)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        batch, tokens, _ = x.shape
        own, shared = (batch, heads, tokens, size), (batch, kv_heads, tokens, size)
        projected = linear(t, x, qkv)
        if updated:
            projected = padded_with_zeros(t, projected, updated)
        q, k, v = split(t, projected, (own, shared, shared), "query, key and value")
        del projected
        if table:
            q, k = rotated(t, q, k, inputs.positions[table], decoder.rotary)
        k, v = repeated(t, k, heads), repeated(t, v, heads)
        # A concatenation made the query, head by head; the kernel lays its output out alike: reshaping
        # copies.
        context = copied(t, attention(t, q, k, v, inputs.calls[window]), "attention output, laid out")
        del q, k, v
        return linear(t, context, o_proj)

    return run
