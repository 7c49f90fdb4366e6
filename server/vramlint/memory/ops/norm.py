"""Normalisation layers, as transformers writes them."""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.checkpointing import checkpoint
from vramlint.memory.ops.basic import cast, promoted
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor


@dataclass(slots=True)
class Norm:
    """A norm over the last dimension. `kind`: "rms" (LlamaRMSNorm), "rms-fp32" (Gemma: scaled in float32,
    then cast), "rms-t5" (T5LayerNorm), "layer" (nn.LayerNorm)…
    """

    weight: Parameter | None
    bias: Parameter | None = None
    kind: str = "rms"


def norm(t: Tape, x: Tensor, layer: Norm) -> Tensor:
    """Normalise `x`."""
    if "norm" in t.modules_apart and t.region is None and t.refill is None:
        return checkpoint(t, lambda t, x: _norm(t, x, layer), x)
    return _norm(t, x, layer)


def _norm(t: Tape, x: Tensor, layer: Norm) -> Tensor:
    if "rms_norm" in t.liger and layer.kind in ("rms", "rms-fp32"):
        return liger_norm(t, x, layer)
    if t.compiled:
        return compiled_norm(t, x, layer)
    if layer.kind.startswith("layer"):
        return layer_norm(t, x, layer)
    if layer.kind == "mean":
        return mean_norm(t, x, layer)
    return rms_norm(t, x, layer)


def rms_norm(t: Tape, x: Tensor, layer: Norm) -> Tensor:
    """`weight * (x32 * rsqrt(mean(x32 ** 2) + eps)).to(x.dtype)`, operation by operation (modeling_llama.py,
    LlamaRMSNorm).

    Saves the float32 copy of its input, the reciprocal root, and the normalised value where the weight is
    trained. "rms-fp32" multiplies by (1 + weight) in float32 before it casts back (modeling_gemma2.py).
    """
    weight = layer.weight
    in_fp32 = layer.kind == "rms-fp32"
    shape, dtype, rows = x.shape, x.dtype, (*x.shape[:-1], 1)
    trains = t.recording and weight is not None and weight.trainable
    flows = t.recording and x.node is not None
    x32 = x if dtype == "float32" else t.new(shape, "float32", "norm input in float32")
    square = t.new(shape, "float32", "norm square")
    variance = t.new(rows, "float32", "norm variance")
    del square
    rstd = t.new(rows, "float32", "norm reciprocal root")
    del variance
    # T5 multiplies the input as it came, so that this is saved too.
    also = x if layer.kind == "rms-t5" and dtype != "float32" else None
    kept = t.save(x32, rstd, also) if flows else None
    del also
    normed = t.new(shape, "float32", "normalised, float32")
    del x32, rstd
    value = normed if in_fp32 or dtype == "float32" else t.new(shape, dtype, "normalised")
    del normed
    factor = "float32" if in_fp32 or weight is None else weight.dtype
    product = promoted(value.dtype, factor)
    scale = t.save(value if trains else None, weight) if trains or (flows and weight is not None) else None
    if weight is None:
        out = value
    else:
        out = t.new(shape, product, "norm output")
        if in_fp32 and dtype != "float32":
            out = t.new(shape, dtype, "norm output, cast back")
    value_dtype = value.dtype
    del value
    if not (trains or flows):
        return out

    def backward(grad: Tensor) -> Gradients:
        if grad.dtype != product:
            grad = t.new(shape, product, "norm gradient, cast")
        held = scale.open() if scale is not None else None
        to_value = t.new(shape, product, "gradient of the normalised value") if flows else None
        to_weight = None
        if trains and weight is not None:
            full = t.new(shape, product, "norm weight gradient before the sum")
            to_weight = t.new(weight.shape, product, f"gradient of {weight.name}")
            del full
        del held, grad
        if to_value is None or kept is None:
            return to_weight, None
        if to_value.dtype != value_dtype:
            to_value = t.new(shape, value_dtype, "norm gradient, cast")
        if value_dtype != "float32":
            to_value = t.new(shape, "float32", "norm gradient in float32")
        held = kept.open()
        to_x32 = t.new(shape, "float32", "norm gradient")
        through_rstd = t.new(shape, "float32", "norm gradient through the root")
        del to_value
        through_rstd = t.new(shape, "float32", "norm gradient of the mean")
        power = t.new(shape, "float32", "norm input, first power")
        doubled = t.new(shape, "float32", "norm input, doubled")
        through_rstd = t.new(shape, "float32", "norm gradient of the square")
        del power, doubled, through_rstd, held
        return to_weight, to_x32

    return t.record(out, (weight if trains else None, x.node), backward)


def liger_norm(t: Tape, x: Tensor, layer: Norm) -> Tensor:
    """LigerRMSNormFunction (liger-kernel 0.8.5, ops/rms_norm.py): keeps the input as it came and a float32
    root a row; the output has the input's dtype whatever the weight's, and its gradient is overwritten where
    the family allows. Partial sums of the weight's gradient, one row a multiprocessor, are counted as one.
    """
    weight, shape, dtype = layer.weight, x.shape, x.dtype
    trains = t.recording and weight is not None and weight.trainable
    flows = t.recording and x.node is not None
    out = t.new(shape, dtype, "norm output")
    rstd = t.new((*shape[:-1], 1), "float32", "norm reciprocal root")
    if not (trains or flows):
        return out
    saved = t.save(x, weight, rstd)
    del rstd
    in_place = t.liger_in_place

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        to_x = grad.detach() if in_place else t.new(shape, dtype, "norm gradient")
        to_weight = None
        if trains and weight is not None:
            partial = t.new(weight.shape, "float32", f"gradient of {weight.name}, summed")
            to_weight = t.new(weight.shape, weight.dtype, f"gradient of {weight.name}")
            del partial
        del held
        return to_weight, (to_x if flows else None)

    return t.record(out, (weight if trains else None, x.node), backward)


def compiled_norm(t: Tape, x: Tensor, layer: Norm) -> Tensor:
    """Any norm as torch.compile makes it: one fused kernel each way that keeps its input and one float32
    statistic a row.
    """
    weight, shape, dtype = layer.weight, x.shape, x.dtype
    trains = t.recording and weight is not None and weight.trainable
    flows = t.recording and x.node is not None
    statistics = t.new((*shape[:-1], 1), "float32", "norm statistics")
    saved = t.save(x, statistics) if trains or flows else None
    del statistics
    out = t.new(shape, promoted(dtype, weight.dtype if weight is not None else dtype), "norm output")
    if saved is None:
        return out

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        to_x = t.new(shape, dtype, "norm gradient") if flows else None
        to_weight = (
            t.new(weight.shape, weight.dtype, f"gradient of {weight.name}")
            if trains and weight is not None
            else None
        )
        del held
        return to_weight, to_x

    return t.record(out, (weight if trains else None, x.node), backward)


def layer_norm(t: Tape, x: Tensor, layer: Norm) -> Tensor:
    """nn.LayerNorm: one fused operation that saves its input, the mean and the reciprocal deviation
    (derivatives.yaml, native_layer_norm).

    Autocast runs it in float32 (autocast_mode.h, list "fp32"). "layer-fp32" casts to float32 and back
    (modeling_olmo.py, OlmoLayerNorm); "layer-autocast" runs in autocast's own dtype (modeling_nemotron.py,
    NemotronLayerNorm1P).
    """
    if layer.kind == "layer-fp32":
        out = fused_layer_norm(t, cast(t, x, "float32", "layer norm input in float32"), layer)
        return cast(t, out, x.dtype, "layer norm output, cast back")
    if layer.kind == "layer-autocast":
        return fused_layer_norm(t, cast(t, x, t.autocast or x.dtype, "layer norm input, cast"), layer)
    if t.autocast:
        x = cast(t, x, "float32", "layer norm input, cast by autocast")
    return fused_layer_norm(t, x, layer)


def fused_layer_norm(t: Tape, x: Tensor, layer: Norm) -> Tensor:
    """The kernel itself."""
    weight, bias = layer.weight, layer.bias
    weight, bias = layer.weight, layer.bias
    shape, dtype = x.shape, x.dtype
    trains = t.recording and weight is not None and weight.trainable
    flows = t.recording and x.node is not None
    rows = (*shape[:-1], 1)
    saved = t.save(x, weight) if trains or flows else None
    out = t.new(shape, dtype, "layer norm output")
    statistics = (t.new(rows, "float32", "layer norm mean"), t.new(rows, "float32", "layer norm deviation"))
    if saved is None:
        return out
    statistics_saved = t.save(*statistics)
    del statistics

    def backward(grad: Tensor) -> Gradients:
        held = saved.open(), statistics_saved.open()
        to_x = t.new(shape, dtype, "gradient of the layer norm's input") if flows else None
        to_weight = (
            t.new(weight.shape, dtype, f"gradient of {weight.name}")
            if trains and weight is not None
            else None
        )
        to_bias = (
            t.new(bias.shape, dtype, f"gradient of {bias.name}") if trains and bias is not None else None
        )
        del held
        return to_weight, to_bias, to_x

    return t.record(out, (weight if trains else None, bias if trains else None, x.node), backward)


def mean_norm(t: Tape, x: Tensor, layer: Norm) -> Tensor:
    """A layer norm written out in float32 (modeling_cohere.py, CohereLayerNorm): the centred input is
    made, and saved, twice.
    """
    weight = layer.weight
    shape, dtype, rows = x.shape, x.dtype, (*x.shape[:-1], 1)
    trains = t.recording and weight is not None and weight.trainable
    flows = t.recording and x.node is not None
    x32 = cast(t, x, "float32", "norm input in float32")
    source = x32.node
    mean = t.new(rows, "float32", "norm mean")
    centred = t.new(shape, "float32", "norm input, centred")
    first = t.save(centred) if flows else None
    square = t.new(shape, "float32", "norm square")
    del centred
    variance = t.new(rows, "float32", "norm variance")
    del square
    again = t.new(shape, "float32", "norm input, centred again")
    rstd = t.new(rows, "float32", "norm reciprocal root")
    second = t.save(again, rstd) if flows else None
    normed = t.new(shape, "float32", "normalised, float32")
    del again, rstd, variance, mean, x32
    scale = t.save(normed if trains else None) if trains else None
    out = t.new(shape, "float32", "norm output in float32")
    del normed

    def backward(grad: Tensor) -> Gradients:
        to_normed = t.new(shape, "float32", "gradient of the normalised value") if flows else None
        to_weight = None
        if scale is not None and weight is not None:
            held = scale.open()
            full = t.new(shape, "float32", "norm weight gradient before the sum")
            to_weight = t.new(weight.shape, weight.dtype, f"gradient of {weight.name}")
            del full, held
        del grad
        if to_normed is None or first is None or second is None:
            return to_weight, None
        held = second.open()
        to_again = t.new(shape, "float32", "norm gradient, centred again")
        through = t.new(shape, "float32", "norm gradient through the root")
        del to_normed, held
        through = t.new(shape, "float32", "norm gradient of the mean")
        held = first.open()
        power = t.new(shape, "float32", "norm input, first power")
        doubled = t.new(shape, "float32", "norm input, doubled")
        squared = t.new(shape, "float32", "norm gradient of the square")
        del power, doubled, through, held
        total = t.new(shape, "float32", "norm gradient")
        del to_again, squared
        return to_weight, total

    if trains or flows:
        t.record(out, (weight if trains else None, source), backward)
    return cast(t, out, dtype, "norm output, cast back")
