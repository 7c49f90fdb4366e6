"""The project's own measurement: a real training step of a real model class, on PyTorch's fake CUDA tensors.

Every operator runs its shape, dtype and aliasing logic; no data is computed and no GPU is needed. A dispatch
hook follows every storage from allocation to release and rounds its size up to 512 bytes, as the CUDA caching
allocator does, so that the peak is what `torch.cuda.max_memory_allocated()` would report, without
fragmentation, CUDA context and library workspaces. Scratch memory inside kernels is added for the backward
passes of flash and memory-efficient attention (`attention_scratch`).

Known difference from a real GPU: autograd does not sum gradients in place on tensor subclasses, so a tied
embedding costs one gradient of the table more at the end of backward than it does on CUDA.
`Tracked.tied_excess` is that gradient's size where it can matter.

Development only: needs torch, transformers and peft, none of which vramlint depends on.

    python benchmarks/tracker.py '{"model_type": "llama", …}' --batch 2 --length 1024 --checkpointing full
"""

from __future__ import annotations

import argparse
import json
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fake_cuda
import torch
import torch.nn.functional as functional
from patches import changed
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

fake_cuda.needed()

# CUDA has one kernel for this; without it PyTorch takes the operation apart.
KERNELS = torch.library.Library("aten", "IMPL", "CUDA")
if "+cpu" in torch.__version__:
    KERNELS.impl("silu_backward", lambda grad, x: torch.empty_like(x))

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Setting:
    """One training set-up. `autocast` and `lora_targets` may be None."""

    method: str = "full"
    weights: str = "bfloat16"
    autocast: str | None = None
    batch: int = 1
    length: int = 1024
    checkpointing: str = "none"
    """none | full | reentrant."""
    attention: str = "sdpa"
    optimizer: str = "adamw_torch_fused"
    """adamw_torch_fused | adamw_torch | sgd."""
    rank: int = 8
    lora_dtype: str = "float32"
    lora_dropout: float = 0.0
    lora_targets: tuple[str, ...] | str = "all-linear"
    loop: str = "trainer"
    """trainer (outputs converted to float32 under autocast and dropped before backward) or plain (kept)."""


@dataclass
class Tracked:
    """Bytes of one step in its steady state."""

    peak: int = 0
    peak_phase: str = ""
    phase_peaks: dict[str, int] = field(default_factory=dict)
    parameters: int = 0
    trainable: int = 0
    weights: int = 0
    states: int = 0
    at_peak: list[tuple[str, tuple[int, ...], str, int, int]] = field(default_factory=list)
    """Operator, shape, dtype, how many, bytes: of each phase's peak the largest groups, the overall peak's
    here.
    """
    by_phase: dict[str, list[tuple[str, tuple[int, ...], str, int, int]]] = field(default_factory=dict)
    tied_excess: int = 0


def rounded(size: int) -> int:
    """Bytes the caching allocator hands out."""
    return -(-size // 512) * 512


def attention_scratch(name: str, args: tuple[Any, ...]) -> int:
    """Bytes that an attention kernel's backward holds inside (aten flash_api.cpp mha_bwd;
    attention_backward.cu).
    """
    if "flash_attention_backward" in name:
        q, k = args[1], args[2]
        batch, heads, rows, size = q.shape
        padded, wide = -(-rows // 128) * 128, -(-size // 32) * 32
        total = rounded(4 * batch * heads * padded) + rounded(4 * batch * heads * padded * wide)
        if k.shape[1] != heads:
            total += 2 * rounded(2 * batch * heads * k.shape[2] * size)
        return total
    if "efficient_attention_backward" in name:
        q = args[1]
        batch, heads, rows, size = q.shape
        if q.element_size() < 4:
            return rounded(4 * batch * heads * (-(-rows // 64) * 64) * (-(-size // 32) * 32))
    return 0


class Follower(TorchDispatchMode):
    """Counts the bytes of every CUDA storage that an operator made and that is still referred to."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, tuple[str, tuple[int, ...], str, int]] = {}
        self.current = 0
        self.phase = "setup"
        self.peaks: dict[str, int] = {}
        self.snapshots: dict[str, Counter[tuple[str, tuple[int, ...], str, int]]] = {}
        self.detailed = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator and book what it made."""
        name = str(func)
        scratch = attention_scratch(name, args)
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.device.type == "cuda":
                self._book(leaf, name)
        if scratch:
            self._see(self.current + scratch)
        return result

    def _book(self, tensor: torch.Tensor, name: str) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self.alive:
            return
        size = rounded(storage.nbytes())
        self.alive[key] = (name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), size)
        self.current += size
        weakref.finalize(storage, self._release, key)
        self._see(self.current)

    def _release(self, key: int) -> None:
        self.current -= self.alive.pop(key)[3]

    def _see(self, current: int) -> None:
        if current > self.peaks.get(self.phase, 0):
            self.peaks[self.phase] = current
            if self.detailed:
                self.snapshots[self.phase] = Counter(self.alive.values())


def chosen_kernel(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> str:
    """What PyTorch takes on an A100 or later (aten/src/ATen/native/transformers/cuda/sdp_utils.cpp)."""
    same = q.shape[-1] == v.shape[-1]
    if mask is None and q.dtype != torch.float32 and q.shape[-1] <= 256 and same:
        return "flash"
    return "efficient" if q.shape[1] == k.shape[1] else "math"


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """scaled_dot_product_attention as a CUDA build runs it; a build without CUDA would take the unfused
    path for fake tensors.
    """
    aten = torch.ops.aten
    if torch.is_autocast_enabled("cuda"):
        dtype = torch.get_autocast_dtype("cuda")
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
        if attn_mask is not None and attn_mask.is_floating_point():
            attn_mask = attn_mask.to(dtype)
    with torch.autocast("cuda", enabled=False):
        kernel = chosen_kernel(query, key, value, attn_mask)
        if kernel == "math":
            return aten._scaled_dot_product_attention_math(
                query, key, value, attn_mask, dropout_p, is_causal, None, scale=scale, enable_gqa=enable_gqa
            )[0]
        if kernel == "flash":
            size, scale = query.shape[-1], scale or query.shape[-1] ** -0.5
            padding = -size % 8
            if padding:
                query, key, value = (functional.pad(x, (0, padding)) for x in (query, key, value))
            out = aten._scaled_dot_product_flash_attention(
                query, key, value, dropout_p, is_causal, False, scale=scale
            )[0]
            return out[..., :size] if padding else out
        if attn_mask is not None:
            if attn_mask.dtype == torch.bool:
                attn_mask = torch.zeros_like(attn_mask, dtype=query.dtype).masked_fill_(
                    attn_mask.logical_not(), float("-inf")
                )
            over = attn_mask.shape[-1] % 16
            if over:
                attn_mask = functional.pad(attn_mask, (0, 16 - over))[..., : attn_mask.shape[-1]]
            attn_mask = attn_mask.expand(query.shape[0], query.shape[1], query.shape[2], key.shape[2])
        wants_gradient = any(x.requires_grad for x in (query, key, value))
        return aten._scaled_dot_product_efficient_attention(
            query, key, value, attn_mask, wants_gradient, dropout_p, is_causal, scale=scale
        )[0]


def converted_module(module: torch.nn.Module, function: Any, recurse: bool = True) -> torch.nn.Module:
    """`Module._apply` with new parameters; swapping the old ones in place is refused for fake tensors that
    something follows.
    """
    for child in module.children() if recurse else ():
        converted_module(child, function)
    for name, parameter in module._parameters.items():
        if parameter is not None:
            module._parameters[name] = torch.nn.Parameter(
                function(parameter.detach()), parameter.requires_grad
            )
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = function(buffer)
    return module


def grouped_product(
    mat_a: torch.Tensor, mat_b: torch.Tensor, *_: Any, offs: torch.Tensor | None = None, **__: Any
) -> torch.Tensor:
    """The shape of `_grouped_mm`, for every dtype: PyTorch's own shape function knows bfloat16 only, the
    CUDA operator has a path for all.
    """
    groups = (
        ()
        if mat_a.dim() == 3 or (mat_b.dim() == 3 and mat_a.dim() == 2)
        else (offs.shape[0],)
        if offs is not None
        else ()
    )
    return mat_a.new_empty(*groups, mat_a.shape[-2], mat_b.shape[-1])


@contextmanager
def as_on_cuda() -> Iterator[None]:
    """Let a build without CUDA behave as one with it where fake tensors need that, and keep transformers
    from looking at data.
    """
    import transformers.masking_utils as masking
    from transformers import PreTrainedModel

    skips = masking._ignore_causal_mask_sdpa
    changes = [
        (functional, "scaled_dot_product_attention", attention),
        (torch.cuda.amp.common, "amp_definitely_not_available", lambda: False),
        (torch.cuda, "get_device_capability", lambda *_: (8, 0)),
        (torch.cuda, "is_bf16_supported", lambda *_, **__: True),
        (torch.nn.Module, "_apply", converted_module),
        (masking, "find_packed_sequence_indices", lambda *_: None),
        # An all-ones padding mask is found out by its data.
        (
            masking,
            "_ignore_causal_mask_sdpa",
            lambda padding_mask, *args, **kwargs: skips(None, *args, **kwargs),
        ),
        (torch._meta_registrations, "_meta_grouped_mm_common", grouped_product),
        (PreTrainedModel, "_initialize_weights", lambda *_, **__: None),
        (PreTrainedModel, "warn_if_padding_and_no_attention_mask", lambda *_, **__: None),
    ]
    with changed(changes):
        yield


def made_model(config: Any, setting: Setting) -> torch.nn.Module:
    """The real class with its weights as fake CUDA tensors, adapters on it."""
    import transformers

    mapping = transformers.AutoModelForCausalLM
    named = (config.architectures or [""])[0]
    dtype = DTYPES[setting.weights]
    with torch.device("cuda"):
        if named and hasattr(transformers, named):
            model = getattr(transformers, named)._from_config(
                config, dtype=dtype, attn_implementation=setting.attention
            )
        else:
            model = mapping.from_config(config, dtype=dtype, attn_implementation=setting.attention)
        if setting.checkpointing != "none":
            model.gradient_checkpointing_enable({"use_reentrant": setting.checkpointing == "reentrant"})
        if setting.method == "lora":
            import peft

            if setting.checkpointing != "none":
                model.enable_input_require_grads()
            targets = (
                setting.lora_targets if isinstance(setting.lora_targets, str) else list(setting.lora_targets)
            )
            wanted = peft.LoraConfig(
                r=setting.rank, lora_alpha=16, lora_dropout=setting.lora_dropout, target_modules=targets
            )
            model = peft.get_peft_model(model, wanted, autocast_adapter_dtype=setting.lora_dtype == "float32")
    for module in model.modules():
        if hasattr(module, "config"):
            module.config.use_cache = False
    return model.train()


def optimizer_for(parameters: list[torch.nn.Parameter], name: str) -> torch.optim.Optimizer:
    """The optimizers whose real kernels run on fake tensors."""
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=1e-4)
    return torch.optim.AdamW(
        parameters, lr=1e-4, fused=name == "adamw_torch_fused", foreach=name == "adamw_torch"
    )


def converted(outputs: Any) -> Any:
    """accelerate's convert_outputs_to_fp32: 16-bit outputs of a forward pass under autocast become
    float32.
    """
    for name, value in list(outputs.items()):
        if isinstance(value, torch.Tensor) and value.dtype in (torch.bfloat16, torch.float16):
            outputs[name] = value.float()
    return outputs


def track(config: Any, setting: Setting, detailed: bool = False) -> Tracked:
    """Run two steps and report the second."""
    follower = Follower()
    follower.detailed = detailed
    with as_on_cuda(), FakeTensorMode(allow_non_fake_inputs=True), follower:
        model = made_model(config, setting)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        weights = follower.current
        optimizer = optimizer_for(trained, setting.optimizer)
        for _ in range(2):
            follower.peaks.clear()
            states = follower.current - weights
            batch = {
                name: torch.zeros(setting.batch, setting.length, dtype=torch.int64, device="cuda")
                for name in ("input_ids", "labels", "mask")
            }
            follower.phase = "forward"
            loss = _forward(model, batch, setting)
            follower.phase = "backward"
            kept = loss if setting.loop == "plain" else None
            (loss["loss"] if kept is not None else loss).backward()
            follower.phase = "optimizer"
            del loss, kept
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            del batch
            follower.phase = "between"
    phases = {
        name: peak for name, peak in follower.peaks.items() if name in ("forward", "backward", "optimizer")
    }
    top = max(phases, key=lambda name: phases[name])
    tied = 0
    if setting.method == "full" and getattr(config.get_text_config(), "tie_word_embeddings", False):
        tied = max(rounded(p.numel() * p.element_size()) for p in trained)
    result = Tracked(
        phases[top],
        top,
        phases,
        sum(p.numel() for p in model.parameters()),
        sum(p.numel() for p in trained),
        weights,
        states,
        tied_excess=tied,
    )
    for name, counted in follower.snapshots.items():
        groups = [
            (op, shape, dtype, count, count * size) for (op, shape, dtype, size), count in counted.items()
        ]
        result.by_phase[name] = sorted(groups, key=lambda group: -group[4])[:40]
    result.at_peak = result.by_phase.get(top, [])
    return result


def _forward(model: torch.nn.Module, batch: dict[str, torch.Tensor], setting: Setting) -> Any:
    """The loss as the training loop holds it when it calls backward; with a plain loop all outputs."""
    context = torch.autocast("cuda", dtype=DTYPES[setting.autocast]) if setting.autocast else nullcontext()
    with context:
        outputs = model(input_ids=batch["input_ids"], labels=batch["labels"])
    if setting.autocast:
        outputs = converted(outputs)
    return outputs if setting.loop == "plain" else outputs["loss"]


def config_of(values: dict[str, Any]) -> Any:
    """A transformers config from the contents of a config.json."""
    from transformers import AutoConfig

    given = dict(values)
    return AutoConfig.for_model(given.pop("model_type"), **given)


def main() -> None:
    """Track one set-up from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="the contents of a config.json, or its path")
    for name, default in Setting().__dict__.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(default) if default is not None else str, default=default
        )
    given = vars(parser.parse_args())
    text = given.pop("config")
    values = json.loads(text if text.startswith("{") else Path(text).read_text())
    result = track(config_of(values), Setting(**given), detailed=True)
    print(
        f"peak {result.peak / 2**20:,.1f} MiB in {result.peak_phase}; "
        + ", ".join(f"{k} {v / 2**20:,.1f}" for k, v in result.phase_peaks.items())
    )
    for op, shape, dtype, count, size in result.at_peak[:25]:
        print(f"{size / 2**20:10.1f} {count:4d} {op:48s} {dtype:9s} {list(shape)}")


if __name__ == "__main__":
    main()
