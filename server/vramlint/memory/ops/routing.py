"""Routers: which experts a token goes to, and with what weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vramlint.memory.ops.basic import activation, cast
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.linear import Linear, matmul
from vramlint.memory.ops.loss import weight_cast
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor

Router = Callable[[Tape, Tensor, Linear, int], tuple[Tensor, Tensor]]
"""Tokens [tokens, hidden] → the router's logits, which the block's local variable keeps, and the weights
[tokens, top k] of the experts.
"""


def top_weights(t: Tape, scores: Tensor, top: int, dtype: str) -> Tensor:
    """`topk` (or `gather`), normalised over the chosen: keeps the indices; its gradient is scattered into
    zeros of the scores' shape.
    """
    rows = scores.shape[0]
    index = t.new((rows, top), "int64", "chosen experts")
    chosen = operation(
        t, (scores,), (rows, top), scores.dtype, "scores of the chosen experts", keeps=(index,)
    )
    normalised = operation(t, (chosen,), (rows, top), scores.dtype, "routing weights", keeps=(chosen,))
    return cast(t, normalised, dtype, "routing weights, cast")


def probabilities(t: Tape, logits: Tensor) -> Tensor:
    """`softmax(logits, dtype=float32)`, converting inside the kernel; keeps its result."""
    return operation(t, (logits,), logits.shape, "float32", "router probabilities", keeps_output=True)


def softmax_router(t: Tape, x: Tensor, router: Linear, top: int) -> tuple[Tensor, Tensor]:
    """Softmax in float32, then top k, weights in float32 (modeling_mixtral.py, MixtralTopKRouter)."""
    logits = matmul(t, x, router.weight, router.bias, "router logits")
    scores = probabilities(t, cast(t, logits, "float32", "router logits in float32"))
    return logits, top_weights(t, scores, top, "float32")


def softmax_cast_router(t: Tape, x: Tensor, router: Linear, top: int) -> tuple[Tensor, Tensor]:
    """The same with the weights back in the logits' dtype (modeling_qwen2_moe.py, Qwen2MoeTopKRouter;
    modeling_olmoe.py).
    """
    logits = matmul(t, x, router.weight, router.bias, "router logits")
    return logits, top_weights(t, probabilities(t, logits), top, logits.dtype)


def top_first_router(t: Tape, x: Tensor, router: Linear, top: int) -> tuple[Tensor, Tensor]:
    """Top k of the logits, then softmax over the chosen (modeling_gpt_oss.py, GptOssTopKRouter)."""
    logits = matmul(t, x, router.weight, router.bias, "router logits")
    return logits, top_weights(t, logits, top, logits.dtype)


def top_first_fp32_router(t: Tape, x: Tensor, router: Linear, top: int) -> tuple[Tensor, Tensor]:
    """The logits in float32 first, the weights in the dtype of the tokens (modeling_granitemoe.py,
    GraniteMoeTopKRouter).
    """
    logits = cast(
        t, matmul(t, x, router.weight, router.bias, "router logits"), "float32", "router logits in float32"
    )
    return logits, top_weights(t, logits, top, x.dtype)


def float32_logits(t: Tape, x: Tensor, router: Linear) -> Tensor:
    """`F.linear(x.float(), weight.float())`; autocast, where it is on, casts both back. Megatron keeps tokens
    and weight as they came (transformer/moe/moe_utils.py, RouterGatingLinearFunction).
    """
    if t.keeps_parts:
        logits = matmul(t, x, router.weight, router.bias, "router logits")
        return cast(t, logits, "float32", "router logits in float32")
    wide = cast(t, x, "float32", "router input in float32")
    weight = weight_cast(t, router.weight, "float32")
    if t.autocast:
        wide, weight = (
            cast(t, wide, t.autocast, "router input, cast by autocast"),
            cast(t, weight, t.autocast, "router weight, cast by autocast"),
        )
    shape = (x.shape[0], router.weight.shape[0])
    wants = wide.node is not None, weight.node is not None
    if not t.tracks(wide, weight):
        return t.new(shape, wide.dtype, "router logits")
    saved = t.save(weight if wants[0] else None, wide if wants[1] else None)
    out = t.new(shape, wide.dtype, "router logits")
    sides, dtype = (wide.shape, weight.shape), wide.dtype

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        results = tuple(
            t.new(side, dtype, "gradient of the router logits") if want else None
            for side, want in zip(sides, wants, strict=True)
        )
        del held
        return results

    return t.record(out, (wide.node, weight.node), backward)


def sigmoid_router(t: Tape, x: Tensor, router: Linear, top: int) -> tuple[Tensor, Tensor]:
    """Sigmoid scores, a correction that has no gradient, groups masked out (modeling_deepseek_v3.py,
    DeepseekV3TopkRouter; modeling_glm4_moe.py).
    """
    logits = float32_logits(t, x, router)
    scores = activation(t, logits, "router scores", saves="output")
    corrected = t.new(scores.shape, "float32", "router scores, corrected")
    masked = t.new(scores.shape, "float32", "router scores, masked")
    del corrected, masked
    return logits, top_weights(t, scores, top, scores.dtype)


def sigmoid_fp32_router(t: Tape, x: Tensor, router: Linear, top: int) -> tuple[Tensor, Tensor]:
    """Sigmoid in float32 of logits in the compute dtype (modeling_minimax_m2.py, MiniMaxM2TopKRouter)."""
    logits = matmul(t, x, router.weight, router.bias, "router logits")
    scores = activation(
        t, cast(t, logits, "float32", "router logits in float32"), "router scores", saves="output"
    )
    t.new(scores.shape, "float32", "router scores, corrected")
    return logits, top_weights(t, scores, top, "float32")


def sigmoid_logits_router(t: Tape, x: Tensor, router: Linear, top: int) -> tuple[Tensor, Tensor]:
    """Sigmoid in the logits' dtype, a correction that has no gradient (modeling_lfm2_moe.py,
    Lfm2MoeTopKRouter).
    """
    logits = matmul(t, x, router.weight, router.bias, "router logits")
    scores = activation(t, logits, "router scores", saves="output")
    t.new(scores.shape, "float32", "router scores, corrected")
    return logits, top_weights(t, scores, top, scores.dtype)


def softmax_fp32_router(t: Tape, x: Tensor, router: Linear, top: int) -> tuple[Tensor, Tensor]:
    """Logits and softmax in float32, weights scaled but not normalised (modeling_deepseek_v2.py,
    DeepseekV2TopkRouter).
    """
    logits = float32_logits(t, x, router)
    return logits, top_weights(t, probabilities(t, logits), top, "float32")


def softmax_outside_router(t: Tape, x: Tensor, router: Linear, top: int) -> tuple[Tensor, Tensor]:
    """Everything in float32 with autocast off, the weights back in the tokens' dtype
    (modeling_ernie4_5_moe.py, Ernie4_5_MoeTopKRouter).
    """
    outside, t.autocast = t.autocast, None
    logits = float32_logits(t, x, router)
    scores = probabilities(t, logits)
    t.autocast = outside
    return logits, top_weights(t, scores, top, x.dtype)


def sparse_mixer(t: Tape, x: Tensor, router: Linear, top: int) -> tuple[Tensor, Tensor]:
    """Masked logits and their softmax for each of two experts (modeling_phimoe.py, sparsemixer)."""
    logits = matmul(t, x, router.weight, router.bias, "router logits")
    parts = []
    for _ in range(2):
        masked = operation(
            t,
            (logits,),
            logits.shape,
            logits.dtype,
            "router logits, masked",
            keeps=(t.new(logits.shape, "bool", "router mask"),),
        )
        gates = operation(
            t,
            (masked,),
            logits.shape,
            "float32" if t.autocast else logits.dtype,
            "router probabilities",
            keeps_output=True,
        )
        parts.append(gates)
    scores = operation(t, parts, (logits.shape[0], top), parts[0].dtype, "routing weights", keeps=parts)
    return logits, scores


ROUTERS: Mapping[str, Router] = {
    "softmax": softmax_router,
    "softmax-cast": softmax_cast_router,
    "softmax-fp32": softmax_fp32_router,
    "softmax-outside": softmax_outside_router,
    "sparse-mixer": sparse_mixer,
    "sigmoid": sigmoid_router,
    "sigmoid-fp32": sigmoid_fp32_router,
    "sigmoid-logits": sigmoid_logits_router,
    "top-first": top_first_router,
    "top-first-fp32": top_first_fp32_router,
}


def shared_gate_product(t: Tape, gate: Tensor, x: Tensor) -> Tensor:
    """`sigmoid(gate) * x` with one gate a token (modeling_qwen2_moe.py, Qwen2MoeSparseMoeBlock)."""
    gate = activation(t, gate, "gate of the shared expert", saves="output")
    return operation(
        t,
        (gate, x),
        x.shape,
        x.dtype,
        "shared expert, gated",
        keeps=(gate, x),
        backward_temporaries=((x.shape, x.dtype),),
    )
