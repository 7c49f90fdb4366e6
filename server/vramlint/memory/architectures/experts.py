"""Mixtures of experts as feed-forward blocks: a router, experts stacked in one parameter a projection, shared
experts beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.feed_forward import gated, plain
from vramlint.memory.architectures.network import FeedForward
from vramlint.memory.checkpointing import checkpoint, recomputes
from vramlint.memory.ops.basic import add
from vramlint.memory.ops.expert_loop import ExpertLinears, looped_experts
from vramlint.memory.ops.experts import grouped_experts
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.megatron_experts import MegatronExperts, megatron_experts
from vramlint.memory.ops.routing import ROUTERS, shared_gate_product
from vramlint.memory.ops.sequence import gathered_sequence, scattered_sequence
from vramlint.memory.sharding.plan import expert_tensor_ranks
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.versions import version_of
from vramlint.memory.weights import Weights
from vramlint.versions import older


def _checkpointed(run: FeedForward, t: Tape, x: Tensor) -> Tensor:
    return checkpoint(t, run, x)


def _on_all_tokens(run: FeedForward, ranks: int, t: Tape, x: Tensor) -> Tensor:
    out = run(t, gathered_sequence(t, x.view(1, *x.shape), ranks).view(x.shape[0] * ranks, x.shape[1]))
    return scattered_sequence(t, out.view(1, *out.shape), ranks).view(*x.shape)


Experts = Callable[[Tape, Tensor, Tensor], Tensor]
"""Tokens and their routing weights to the experts' summed outputs."""
WALKED = 8


def on_expert_ranks(t: Tape, run: Experts, x: Tensor, scores: Tensor, ranks: int) -> Tensor:
    """Where experts are cut over `ranks`, each of them works on the tokens of all (Megatron-LM,
    transformer/moe/token_dispatcher.py, MoEAlltoAllTokenDispatcher: gathered over the expert-tensor group).
    """
    if ranks == 1:
        return run(t, x, scores)
    tokens, width = x.shape
    whole = gathered_sequence(t, x.view(1, tokens, width), ranks).view(tokens * ranks, width)
    everyone = (tokens * ranks, *scores.shape[1:])
    out = run(t, whole, operation(t, (scores,), everyone, scores.dtype, "routing weights of all ranks"))
    return scattered_sequence(t, out.view(1, *out.shape), ranks).view(tokens, width)


def linear_experts(job: TrainingJob) -> bool:
    """Whether every expert has linear layers of its own, run in a loop: before transformers 5, and in LitGPT
    (litgpt 0.5.13, model.py, LLaMAMoE).
    """
    if job.runtime in ("litgpt", "megatron"):
        return job.runtime == "litgpt"
    return older(version_of("transformers", job), "5")


@dataclass(frozen=True, slots=True)
class Mixture:
    """A mixture of experts. `width` is an expert's intermediate size, `shared` that of the expert every token
    takes (0: none).

    `router` names a row of ROUTERS; `order` says when the shared expert runs: "first" or "last";
    `correction` whether the router has a bias that is a parameter, though never trained. `modules` are the
    names that the gate, up and down
    projections of one expert had as linear layers before transformers 5; `prefix` and `router_name` are names
    of parameters.
    """

    experts: int
    top: int
    width: int
    router: str = "softmax"
    activation: str = "silu"
    bias: bool = False
    router_bias: bool = False
    linear_router: bool = False
    """The router is a linear layer, which PEFT adapts as one."""
    correction: bool = False
    gates: bool = True
    shared: int = 0
    latent: int = 0
    """Width that the routed experts work in, between two projections; 0: the hidden width."""
    shared_gate: bool = False
    order: str = "last"
    shared_name: str = "mlp.shared_experts"
    modules: tuple[str, ...] = ("gate_proj", "up_proj", "down_proj")
    prefix: str = "mlp"
    router_name: str = "mlp.gate"
    weighs_input: bool = False
    """Megatron multiplies the routing weights in before the experts, not in their middle."""
    sequence_ranks: int = 1
    """Tensor-parallel ranks that have a part of the sequence each: of it, tokens are sent to the experts."""

    def rank_part(self, job: TrainingJob) -> Mixture:
        """What one tensor-parallel rank holds: experts and shared expert are cut in their width
        (transformers 5.24, `base_model_tp_plan` of Mixtral and others: "packed_colwise", "rowwise"). Where
        experts are spread, and in Megatron always, their own degree decides (Megatron-LM,
        core/transformer/moe/experts.py, expert_tensor_parallel_size).
        """
        ranks, tensor = expert_tensor_ranks(job), job.parallel.tensor
        if ranks * tensor == 1:
            return self
        return replace(self, width=-(-self.width // ranks), shared=-(-self.shared // tensor))

    def __call__(self, decoder: Decoder, weights: Weights) -> FeedForward:
        """Build the block for one layer of `decoder`."""
        return self.rank_part(weights.job)._built(decoder, weights)

    def _built(self, decoder: Decoder, weights: Weights) -> FeedForward:
        hidden = decoder.hidden
        if self.linear_router:
            router = weights.linear(self.router_name, self.experts, hidden, self.router_bias)
        else:
            router = weights.router(self.router_name, self.experts, hidden, self.router_bias)
        if self.correction:
            weights.parameter(
                f"{self.router_name}.correction_bias", (self.experts,), "router"
            ).trainable = False
        if self.modules and linear_experts(weights.job):
            experts = self._linears(decoder, weights)
        else:
            experts = self._stacked(decoder, weights)
        feed = gated if self.gates else plain
        shared = (
            feed(replace(decoder, intermediate=self.shared, names=self._shared_names()), weights)
            if self.shared
            else None
        )
        if shared is not None and recomputes(weights.job, "shared_experts"):
            shared = partial(_checkpointed, shared)
        cut = 1
        if self.sequence_ranks > 1:
            cut = expert_tensor_ranks(weights.job)
            shared = shared and partial(_on_all_tokens, shared, self.sequence_ranks)
        into = out_of = None
        if self.latent:
            into = weights.linear(f"{self.prefix}.fc1_latent_proj", self.latent, hidden, decoder.mlp_bias)
            out_of = weights.linear(f"{self.prefix}.fc2_latent_proj", hidden, self.latent, decoder.mlp_bias)
        gate = weights.linear("mlp.shared_expert_gate", 1, hidden) if self.shared_gate else None
        route = ROUTERS[self.router]

        def run(t: Tape, x: Tensor) -> Tensor:
            batch, tokens, _ = x.shape
            flat = x.view(batch * tokens, hidden)
            beside = shared(t, flat) if shared is not None and self.order == "first" else None
            logits, scores = route(t, flat, router, self.top)
            given = flat if into is None else linear(t, flat, into)
            out = on_expert_ranks(t, experts, given, scores, cut)
            if out_of is not None:
                out = linear(t, out, out_of)
            del scores, given
            if gate is not None and beside is not None:
                beside = shared_gate_product(t, linear(t, flat, gate), beside)
            if shared is not None and beside is None:
                beside = shared(t, flat)
            if beside is not None:
                out = add(t, out, beside, "experts' sum")
            del beside, logits
            return out.view(batch, tokens, hidden)

        return run

    def _stacked(self, decoder: Decoder, weights: Weights) -> Experts:
        """Transformers 5: all experts in one parameter a projection."""
        hidden, first = self.latent or decoder.hidden, (2 if self.gates else 1) * self.width
        up_name = "gate_up_proj" if self.gates else "up_proj"
        up = weights.stacked(
            f"{self.prefix}.experts.{up_name}", (self.experts, first, hidden), self.modules[:-1], self.bias
        )
        down = weights.stacked(
            f"{self.prefix}.experts.down_proj",
            (self.experts, hidden, self.width),
            self.modules[-1:],
            self.bias,
        )

        # 4.55.4, models/gpt_oss/modeling_gpt_oss.py, GptOssExperts.forward: `self.gate_up_proj[expert_idx]`.
        if self.activation == "clamped" and older(version_of("transformers", weights.job), "5"):
            for layer in (up, down):
                layer.indexed = layer.weight.scheme is None
        if weights.job.runtime == "megatron":
            built = MegatronExperts(up, down, self.activation, self.gates, self.weighs_input)
            return lambda t, x, scores: megatron_experts(t, x, scores, built)
        return lambda t, x, scores: grouped_experts(t, x, scores, up, down, self.activation, self.gates)

    def _linears(self, decoder: Decoder, weights: Weights) -> Experts:
        """Before: linear layers of each expert. Of more than WALKED, groups are walked as one whose weight is
        as large as all of theirs.
        """
        walked = next(
            number for number in range(min(self.experts, WALKED), 0, -1) if self.experts % number == 0
        )
        many, hidden = self.experts // walked, decoder.hidden
        gate, up, down = (f"{self.prefix}.experts.{module}" for module in self.modules)
        experts = [
            ExpertLinears(
                weights.linear(gate, self.width, hidden * many),
                weights.linear(up, self.width, hidden * many),
                weights.linear(down, hidden, self.width * many),
            )
            for _ in range(walked)
        ]
        for layer in (layer for expert in experts for layer in (expert.gate, expert.up, expert.down)):
            if layer.lora is not None and len(layer.lora.b.shape) == 2 and many > 1:
                layer.lora.b.shape = (layer.out_features, layer.lora.b.shape[1] * many)
        return lambda t, x, scores: looped_experts(t, x, scores, experts, self.experts, self.activation)

    def _shared_names(self) -> dict[str, str]:
        return {
            f"mlp.{module}": f"{self.shared_name}.{module}"
            for module in ("gate_proj", "up_proj", "down_proj")
        }
