"""Real trainers of TRL: one `training_step` each on a small model, with every allocation counted.

The trainer, its loss, accelerate's autocast, PEFT and the optimizer run their own code on real data.
PyTorch's profiler reports what its CPU allocator hands out and takes back, rounded here as the CUDA caching
allocator rounds. No dispatch hook takes part: under one, autograd sums gradients out of place and the
backward pass of `gather` copies its result (aten/src/ATen/TensorSubclassLikeUtils.h), which it does nowhere
else.

Two things are not CUDA's: attention is PyTorch's CPU flash kernel, which saves the same tensors but has a
scratch memory of its own, and TRL's and Liger's Triton kernels are replaced by functions that write nothing,
as those allocate nothing.

Development only: needs torch, transformers, accelerate, trl, peft, datasets, liger-kernel and triton;
vramlint needs none of them.

    python benchmarks/trainers.py '{"trainer": "orpo", "method": "lora"}'
"""

from __future__ import annotations

import os

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import itertools
import json
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from patches import changed
from torch.profiler import ProfilerActivity, profile, record_function
from trainer_setups import TRAINERS, Setting, arguments


@dataclass
class Tracked:
    """Bytes of the second of two steps. `weights` are those of the trained model, adapters included; `beside`
    those of reference and teacher.
    """

    phase_peaks: dict[str, int]
    weights: int
    states: int
    beside: int

    @property
    def peak(self) -> int:
        """The highest of all phases."""
        return max(self.phase_peaks.values())


class NoKernel:
    """Stands for a Triton kernel, which writes into tensors that are there already."""

    def __getitem__(self, grid: Any) -> Any:
        return lambda *args, **kwargs: None


@contextmanager
def kernels_as_on_cuda() -> Iterator[None]:
    """TRL's fused head takes the path it takes on CUDA: valid tokens only, Triton kernels, products that add
    up in float32 without copies of their operands. Data sets are named by number, not by what made them.
    """
    from datasets import fingerprint
    from trl.kernels import chunked_logprob, logprob_entropy
    from trl.trainer import utils

    numbers = itertools.count()
    changes: list[tuple[Any, str, Any]] = [
        (fingerprint.Hasher, "hash", staticmethod(lambda value: f"{next(numbers):016x}")),
        (chunked_logprob, "_use_triton", lambda device: True),
        (utils, "_use_triton", lambda device: True),
        (chunked_logprob, "_forward_kernel", NoKernel()),
        (chunked_logprob, "_backward_kernel", NoKernel()),
        (logprob_entropy, "_forward_kernel", NoKernel()),
        (logprob_entropy, "_backward_kernel", NoKernel()),
        (utils, "_supports_trl_loss_kernel", lambda *args: True),
        (chunked_logprob, "_addmm_fp32", lambda acc, a, b: None),
    ]
    changes += liger_changes()
    with changed(changes):
        yield


def liger_changes() -> list[tuple[Any, str, Any]]:
    """Liger's Triton kernels, which its autograd functions launch, as such that write nothing."""
    import triton
    from liger_kernel.ops import geglu, rms_norm, rope, swiglu

    return [
        (module, name, NoKernel())
        for module in (geglu, rms_norm, rope, swiglu)
        for name, value in vars(module).items()
        if isinstance(value, triton.JITFunction)
    ]


PHASES = ("forward", "backward", "optimizer")


def without_scratch() -> Any:
    """Products of 16-bit numbers without oneDNN, whose scratch memory depends on the processor."""
    return torch.backends.mkldnn.flags(enabled=False)


def rounded(size: int) -> int:
    """Bytes that the CUDA caching allocator hands out."""
    return -(-size // 512) * 512


def storages(tensors: Iterable[Any]) -> int:
    """Bytes of the distinct storages of tensors."""
    found = {
        x.untyped_storage()._cdata: x.untyped_storage().nbytes()
        for x in tensors
        if isinstance(x, torch.Tensor)
    }
    return sum(rounded(size) for size in found.values())


def phase_peaks(profiled: Any, before: int) -> dict[str, int]:
    """The highest number of bytes in each phase, where `before` bytes were there when profiling began."""
    events = profiled.profiler.kineto_results.events()
    began = {e.name(): e.start_ns() for e in events if e.name() in PHASES}
    peaks, current = dict.fromkeys(PHASES, 0), before
    for event in sorted((e for e in events if e.name() == "[memory]"), key=lambda e: e.start_ns()):
        current += rounded(event.nbytes()) if event.nbytes() > 0 else -rounded(-event.nbytes())
        phase = [name for name in PHASES if began[name] <= event.start_ns()][-1:] or ["forward"]
        peaks[phase[0]] = max(peaks[phase[0]], current)
    return peaks


def track(setting: Setting) -> Tracked:
    """Run two steps and report the second."""
    from transformers.integrations.liger import apply_liger_kernel

    random.seed(0)
    with tempfile.TemporaryDirectory() as folder, kernels_as_on_cuda(), without_scratch():
        trainer, batch = TRAINERS[setting.trainer](setting, arguments(setting, folder))
        if setting.checkpointing:
            trainer.model.gradient_checkpointing_enable({"use_reentrant": False})
            if setting.method != "full":
                trainer.model.enable_input_require_grads()
        if trainer.args.use_liger_kernel:  # as Trainer.train does
            apply_liger_kernel(trainer.model, trainer.args.liger_kernel_config)
        trainer.create_optimizer()
        model, optimizer = trainer.accelerator.prepare(trainer.model, trainer.optimizer)
        trainer.model_wrapped = model
        trainer.current_gradient_accumulation_steps = 1
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        called = trainer.accelerator.backward

        def backward(*args: Any, **kwargs: Any) -> None:
            with record_function("backward"):
                called(*args, **kwargs)

        trainer.accelerator.backward = backward

        def step() -> None:
            inputs = {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in batch.items()}
            with record_function("forward"):
                trainer.training_step(model, inputs, num_items_in_batch=None)
            with record_function("optimizer"):
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        step()
        weights = storages([*model.parameters(), *model.buffers()])
        states = storages(value for state in optimizer.state.values() for value in state.values())
        others = [getattr(trainer, name, None) for name in ("ref_model", "teacher_model")]
        beside = storages(p for other in others if other is not None for p in other.parameters())
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
            step()
    found = phase_peaks(profiled, weights + states + beside)
    return Tracked(found, weights, states, beside)


def main() -> None:
    """Track one set-up from the command line."""
    tracked = track(Setting(**json.loads(sys.argv[1])))
    print({name: f"{size / 2**20:,.2f} MiB" for name, size in tracked.phase_peaks.items()})
    print(f"weights {tracked.weights / 2**20:,.2f} states {tracked.states / 2**20:,.2f} MiB")


if __name__ == "__main__":
    main()
