"""What DeepSpeed refuses in its config, read alone (deepspeed 0.19.8, files below deepspeed/runtime)."""

from __future__ import annotations

from collections.abc import Callable

from vramlint.dialects.kit.conflicts import Conflict
from vramlint.dialects.kit.reader import Reader, boolean, integer, number, text

_ZERO = "zero_optimization"


def _stage(reader: Reader) -> int:
    return reader.get(f"{_ZERO}.stage", integer) or 0


def _no_norm(reader: Reader) -> bool:
    return reader.get(f"{_ZERO}.compute_grad_norm", boolean) is False


def _scatters(reader: Reader) -> bool:
    return _stage(reader) >= 2 and reader.get(f"{_ZERO}.reduce_scatter", boolean) is not False


def _bare_without_zero(section: str) -> Callable[[Reader], bool]:
    key = f"{section}.{section}_master_weights_and_grads"
    return lambda reader: reader.flag(key) and _stage(reader) not in (1, 2, 3)


REFUSALS: tuple[Conflict, ...] = (
    *(
        Conflict(
            "bare-precision-without-zero",
            f"{section}.{section}_master_weights_and_grads",
            (f"{_ZERO}.stage",),
            _bare_without_zero(section),
            f"{section}_master_weights_and_grads needs ZeRO stage 1, 2 or 3",
            source="config.py:703",
        )
        for section in ("fp16", "bf16")
    ),
    Conflict(
        "norm-by-stage",
        f"{_ZERO}.compute_grad_norm",
        (f"{_ZERO}.stage",),
        lambda r: _no_norm(r) and _stage(r) not in (1, 2),
        "compute_grad_norm: false is taken in ZeRO stages 1 and 2 only",
        source="zero/config.py:392",
    ),
    Conflict(
        "summed-gradients",
        "gradient_allreduce_op",
        (f"{_ZERO}.stage",),
        lambda r: r.get("gradient_allreduce_op", text) == "sum" and _stage(r) == 3,
        "gradient_allreduce_op: sum is refused in ZeRO stage 3",
        source="config.py:696",
    ),
    Conflict(
        "scaled-scatter",
        "gradient_predivide_factor",
        (f"{_ZERO}.stage", f"{_ZERO}.reduce_scatter"),
        lambda r: _scatters(r) and (r.get("gradient_predivide_factor", number) or 1.0) != 1.0,
        "gradient_predivide_factor is refused with reduce_scatter in ZeRO stages 2 and 3",
        source="zero/stage_1_and_2.py:350",
    ),
    Conflict(
        "scaled-scatter",
        "prescale_gradients",
        (f"{_ZERO}.stage", f"{_ZERO}.reduce_scatter"),
        lambda r: _scatters(r) and r.flag("prescale_gradients"),
        "prescale_gradients is refused with reduce_scatter in ZeRO stages 2 and 3",
        source="zero/stage_1_and_2.py:351",
    ),
)
