"""Latent attention over chosen keys, by fused kernels: no query meets more keys than the indexer chose.

Keys and values are never expanded: a head's query is carried into the latent space by its part of
`kv_b_proj`, and what the kernel returns is carried out of it (slime 624b824, slime_plugins/models/glm5;
Megatron-Core 0.19.2 with `dsa_kernel_backend`, core/transformer/experimental_attention_variant).
"""

from __future__ import annotations

from collections.abc import Callable

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ops.basic import cast
from vramlint.memory.ops.embedding import rotary
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.latent import rotary_pairs
from vramlint.memory.ops.linear import Linear, linear
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.ops.shape import join, split
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor

QUERIES = 8192
"""Queries that are scored at once (slime, glm5.py, fused_select_topk; Megatron-Core, dsa.py,
fused_indexer_block_size).
"""

Chooser = Callable[[Tape, Tensor, Tensor], Tensor]
"""Hidden states and the query's latent → the numbers of the keys chosen for each query."""


@dataclass(frozen=True, slots=True)
class ScoresInBlocks:
    """The indexer, whose scores of a block of queries exist until their best are taken."""

    query: Linear
    key: Linear
    key_norm: Norm
    gates: Linear
    size: int
    chosen: int
    ranks: int
    """Context-parallel ranks, whose keys are gathered."""

    def __call__(self, t: Tape, x: Tensor, latent: Tensor) -> Tensor:
        """The chosen keys of every query (slime, ops/indexer.py, IndexerFunction)."""
        batch, tokens, _ = x.shape
        keys = tokens * self.ranks
        chosen = min(self.chosen, keys)
        with t.no_grad():
            q = linear(t, latent, self.query)
            k = norm(t, linear(t, x, self.key), self.key_norm)
            k = t.new((batch, keys, self.size), k.dtype, "indexer's keys of all ranks")
            gates = cast(t, linear(t, x, self.gates), "float32", "indexer's gates")
            q = t.new(q.shape, q.dtype, "indexer's query, joined")
            k = t.new(k.shape, k.dtype, "indexer's keys, joined")
            block = batch, min(tokens, QUERIES)
            scores = t.new((*block, keys), "float32", "indexer's scores of a block of queries")
            best = t.new((*block, chosen), "float32", "scores of the chosen keys")
            wide = t.new((*block, chosen), "int64", "chosen keys of a block of queries")
            del scores, best, wide, q, k, gates
            blocks = t.new((batch, tokens, chosen), "int32", "chosen keys, by block of queries")
            numbers = t.new((batch, tokens, chosen), "int32", "chosen keys")
            del blocks
        return numbers


def through_latent(t: Tape, x: Tensor, weight: Parameter, width: int, name: str) -> Tensor:
    """Each head of [batch, tokens, heads, size] times its part of `weight`, `width` wide: into the latent
    space or out of it. The part is a view, so its gradient is written into zeros of the whole weight.
    """
    shape, dtype = (*x.shape[:-1], width), x.dtype
    if not t.tracks(x, weight):
        return t.new(shape, dtype, name)
    saved = t.save(x if weight.trainable else None, weight if x.node is not None else None)
    out = t.new(shape, dtype, name)
    given, wants = x.shape, x.node is not None

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        to_input = t.new(given, dtype, f"gradient of {name}'s input") if wants else None
        to_weight = t.new(weight.shape, dtype, f"gradient of {weight.name}") if weight.trainable else None
        del held
        return to_weight, to_input

    return t.record(out, (weight if weight.trainable else None, x.node), backward)


def sparse_attention(t: Tape, query: Tensor, latents: Tensor, chosen: Tensor, width: int) -> Tensor:
    """What each query reads from the latents of its keys, `width` wide a head (slime, ops/sparse_mla.py,
    SparseMLA; backward adds up the latents' gradient in float32).
    """
    batch, tokens, heads, _ = query.shape
    rows = (batch, tokens, heads)
    tracked = t.tracks(query, latents)
    saved = t.save(query, latents, chosen) if tracked else None
    out = t.new((*rows, width), query.dtype, "attention output, in the latent space")
    sums = t.new(rows, "float32", "attention log-sum-exp")
    if saved is None:
        return out
    outputs = t.save(out.detach(), sums)
    del sums
    of_query, of_latents, dtype = query.shape, latents.shape, query.dtype

    def backward(grad: Tensor) -> Gradients:
        held = saved.open(), outputs.open()
        row_sums = t.new(rows, "float32", "attention backward, row sums")
        wide = t.new(of_latents, "float32", "gradient of the latents, added up")
        to_query = t.new(of_query, dtype, "gradient of the query")
        to_latents = t.new(of_latents, dtype, "gradient of the latents")
        del held, row_sums, wide
        return to_query, to_latents

    return t.record(out, (query.node, latents.node), backward)


@dataclass(frozen=True, slots=True)
class SparseLatent:
    """The weights and sizes of one layer's attention over chosen keys."""

    up: Linear
    kv_down: Linear
    kv_norm: Norm
    kv_up: Linear
    out: Linear
    choose: Chooser | None
    """None where the layer takes the choice of an earlier one."""
    heads: int
    rank: int
    content: int
    position: int
    value: int
    chosen: int
    ranks: int
    """Context-parallel ranks, whose latents are gathered."""

    def __call__(self, t: Tape, x: Tensor, low: Tensor, tables: tuple[Tensor, Tensor], pairs: bool) -> Tensor:
        """Hidden states and the query's latent to hidden states (slime, glm5.py,
        get_absorb_query_key_value_tensors).
        """
        batch, tokens, _ = x.shape
        rows, keys = (batch, tokens, self.heads), tokens * self.ranks
        turn = rotary_pairs if pairs else rotary
        q = linear(t, low, self.up).view(*rows, self.content + self.position)
        content, position = split(t, q, ((*rows, self.content), (*rows, self.position)), "query")
        content = through_latent(t, content, self.kv_up.weight, self.rank, "query, in the latent space")
        compressed = linear(t, x, self.kv_down)
        latent, k_position = split(
            t, compressed, ((batch, tokens, self.rank), (batch, tokens, self.position)), "latent"
        )
        latent = norm(t, latent, self.kv_norm)
        if self.ranks > 1:
            latent = _gathered(t, latent, keys, "latents of all ranks")
            k_position = _gathered(t, k_position, keys, "positions of all ranks")
        position = turn(t, position, tables)
        k_position = turn(t, k_position, tables)
        query = join(t, (content, position), (*rows, self.rank + self.position), "query, joined")
        latents = join(t, (latent, k_position), (batch, keys, self.rank + self.position), "latents, joined")
        del q, content, position, compressed, latent, k_position
        chosen = self.choose(t, x, low) if self.choose is not None else self._shared(t, batch, tokens, keys)
        context = sparse_attention(t, query, latents, chosen, self.rank)
        del query, latents, chosen
        context = through_latent(t, context, self.kv_up.weight, self.value, "attention output")
        return linear(t, context.view(batch, tokens, self.heads * self.value), self.out)

    def _shared(self, t: Tape, batch: int, tokens: int, keys: int) -> Tensor:
        return t.new((batch, tokens, min(self.chosen, keys)), "int32", "keys that an earlier layer chose")


def _gathered(t: Tape, x: Tensor, tokens: int, name: str) -> Tensor:
    """The tokens of all context-parallel ranks; backward adds up their gradients and scatters the sum."""
    return operation(t, (x,), (x.shape[0], tokens, *x.shape[2:]), x.dtype, name)
