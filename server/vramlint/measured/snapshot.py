"""A snapshot of PyTorch's allocator (`torch.cuda.memory._dump_snapshot`): what was alive at its peak.

A pickle can run any code when it is read. A snapshot holds dictionaries, lists, tuples, text and numbers
only, so everything else in the file is refused before it is made. The peak is found from the end of the
recorded history backwards: what is allocated then, is known (torch 2.13, cuda/memory.py, _snapshot).
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from vramlint.measured.figures import Measured, NotAMeasurement, Part
from vramlint.vocabulary import Component

_MARKS: tuple[tuple[Component, tuple[str, ...]], ...] = (
    ("optimizer_states", ("torch/optim/", "/optim/", "optimizer.py")),
    ("weights", ("from_pretrained", "load_state_dict", "modeling_utils.py", "core_model_loading.py")),
    ("gradients", ("_engine_run_backward", "torch/autograd/__init__.py", "accumulate_grad")),
    ("activations", ("nn/modules/module.py", "/models/", "checkpoint.py")),
)
"""What the frames of an allocation's stack name → the component it is of, the first that fits."""


class _Plain(pickle.Unpickler):
    """Makes no object of any class, and calls nothing."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Refuse every name."""
        raise NotAMeasurement(f"the pickle names {module}.{name}, which no memory snapshot does: not read")

    def persistent_load(self, pid: Any) -> NoReturn:
        """Refuse references to what is not in the file."""
        raise NotAMeasurement("the pickle refers to something outside itself: not read")


def unpickled(data: bytes) -> Any:
    """The plain values of a pickle. Raises NotAMeasurement for anything else."""
    try:
        return _Plain(io.BytesIO(data)).load()
    except NotAMeasurement:
        raise
    except Exception as error:
        raise NotAMeasurement(f"not a pickle of a memory snapshot: {error}") from None


def of_snapshot(snapshot: Mapping[str, Any]) -> Measured:
    """The highest point of the device that held most. Raises NotAMeasurement."""
    segments = [segment for segment in _list(snapshot.get("segments")) if isinstance(segment, Mapping)]
    if not segments:
        raise NotAMeasurement("the snapshot has no segments")
    device = max({segment.get("device", 0) for segment in segments}, key=lambda each: _held(segments, each))
    live = {
        block["address"]: (block["size"], _component(block.get("frames")))
        for block in _blocks(segment for segment in segments if segment.get("device", 0) == device)
    }
    traces = _list(snapshot.get("device_traces"))
    trace = _list(traces[device]) if isinstance(device, int) and device < len(traces) else []
    return _peak(live, trace)


def _peak(live: dict[int, tuple[int, Component]], trace: Sequence[Any]) -> Measured:
    """The most that was allocated, from the end of the history to its beginning."""
    current = best = sum(size for size, _ in live.values())
    at_best = dict(live)
    for event in reversed(trace):
        if not isinstance(event, Mapping) or not isinstance(event.get("addr"), int):
            continue
        action, address, size = event.get("action"), event["addr"], int(event.get("size", 0))
        if action == "alloc":
            gone = live.pop(address, None)
            current -= gone[0] if gone else 0
        elif action == "free_completed" and address not in live:
            live[address] = (size, _component(event.get("frames")))
            current += size
        if current > best:
            best, at_best = current, dict(live)
    parts: dict[Part, int] = {}
    for size, component in at_best.values():
        parts[(component,)] = parts.get((component,), 0) + size
    return Measured("allocated", best, parts, "the memory snapshot")


def _blocks(segments: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for segment in segments:
        address = segment.get("address", 0)
        for block in _list(segment.get("blocks")):
            if not isinstance(block, Mapping) or not isinstance(block.get("size"), int):
                continue
            if str(block.get("state", "")).startswith("active"):
                yield {**block, "address": block.get("address", address)}
            address += block["size"]


def _component(frames: Any) -> Component:
    """The component of an allocation by where it was made; activations where nothing tells."""
    said = [
        f"{frame.get('filename', '')}:{frame.get('name', '')}"
        for frame in _list(frames)
        if isinstance(frame, Mapping)
    ]
    for component, marks in _MARKS:
        if any(mark in where for where in said for mark in marks):
            return component
    return "activations"


def _held(segments: Sequence[Mapping[str, Any]], device: Any) -> int:
    return sum(
        int(segment.get("total_size", 0)) for segment in segments if segment.get("device", 0) == device
    )


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
