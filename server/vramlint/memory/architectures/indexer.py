"""DeepSeek sparse attention's indexer (DeepSeek V3.2, GLM-5): a small attention without gradients that says
which keys each query may see.
"""

from __future__ import annotations

from collections.abc import Callable

from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.sparse_latent import ScoresInBlocks
from vramlint.memory.ops.attention import AttentionCall
from vramlint.memory.ops.basic import activation, cast, scaled
from vramlint.memory.ops.linear import Linear, linear
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights

Chooser = Callable[[Tape, Tensor, Tensor, AttentionCall], AttentionCall]
"""Hidden states, the query's latent and how attention is called → the call with the indexer's mask."""


@dataclass(frozen=True, slots=True)
class Indexer:
    """Sizes of its heads."""

    heads: int
    size: int
    chosen: int = 2048
    """Keys that each query sees."""

    def in_blocks(self, weights: Weights, hidden: int, rank: int) -> ScoresInBlocks:
        """The indexer of one layer where fused kernels score."""
        query, key, key_norm, gates = self._parts(weights, hidden, rank)
        ranks = weights.job.parallel.context
        return ScoresInBlocks(query, key, key_norm, gates, self.size, self.chosen, ranks)

    def _parts(self, weights: Weights, hidden: int, rank: int) -> tuple[Linear, Linear, Norm, Linear]:
        return (
            weights.linear("self_attn.indexer.wq_b", self.heads * self.size, rank),
            weights.linear("self_attn.indexer.wk", self.size, hidden),
            weights.norm("self_attn.indexer.k_norm", self.size, "layer", bias=True),
            weights.linear("self_attn.indexer.weights_proj", self.heads, hidden),
        )

    def built(self, weights: Weights, hidden: int, rank: int) -> Chooser:
        """The indexer of one layer, on a query latent `rank` wide (transformers 5.24,
        modeling_deepseek_v32.py, DeepseekV32Indexer.forward).
        """
        query, key, key_norm, gates = self._parts(weights, hidden, rank)

        def choose(t: Tape, x: Tensor, latent: Tensor, call: AttentionCall) -> AttentionCall:
            batch, tokens, _ = x.shape
            with t.no_grad():
                wide = (batch, tokens, self.heads, tokens)
                q = linear(t, latent, query)
                q = t.new(q.shape, q.dtype, "indexer's query, joined")
                k = norm(t, linear(t, x, key), key_norm)
                k = t.new(k.shape, k.dtype, "indexer's key, joined")
                scores = self._scores(t, q, k, wide)
                each = cast(t, linear(t, x, gates), "float32", "indexer's gates")
                total = t.new((batch, tokens, tokens), t.autocast or "float32", "indexer's scores, summed")
                total = t.new(total.shape, "float32", "indexer's scores, masked")
                del scores, each
                flags = t.new((batch, 1, tokens, tokens), "bool", "keys not chosen")
                mask = t.new(flags.shape, "bool", "attention mask of chosen keys")
                del flags, total, q, k
            if call.kernel == "eager":
                added = call.mask.dtype if call.mask is not None else x.dtype
                return replace(call, mask=t.new(mask.shape, added, "attention mask of chosen keys"))
            return replace(call, kernel="efficient", mask=mask)

        return choose

    def _scores(self, t: Tape, q: Tensor, k: Tensor, wide: tuple[int, int, int, int]) -> Tensor:
        """Queries by keys for every head, in float32 outside autocast; scaled, cut at zero."""
        first, second = cast(t, q, "float32", "indexer's query"), cast(t, k, "float32", "indexer's key")
        if t.autocast:
            first, second = cast(t, first, t.autocast), cast(t, second, t.autocast)
        # Keys are broadcast over the queries, which a batched product makes a copy for each of.
        each = t.new((*wide[:2], self.size, wide[3]), second.dtype, "indexer's keys for every query")
        scores = t.new(wide, first.dtype, "indexer's scores")
        del first, second, each
        scores = scaled(t, scores, "indexer's scores, scaled")
        return activation(t, scores, "indexer's scores, cut", saves="output")
