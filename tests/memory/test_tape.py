"""The symbolic tape: lifetimes, what backward keeps, what checkpointing drops."""

from __future__ import annotations

from functools import partial

import pytest

from vramlint.memory.checkpointing import checkpoint, reentrant_checkpoint
from vramlint.memory.ledger import rounded
from vramlint.memory.ops.basic import activation, add, cast, mul
from vramlint.memory.ops.linear import Linear, linear
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import SOLE, Parameter, Tensor, owners

SHAPE = (2, 256, 512)
SIZE = 2 * 256 * 512 * 2
"""Bytes of one bfloat16 tensor of SHAPE."""


def wanted(t: Tape, shape: tuple[int, ...] = SHAPE, dtype: str = "bfloat16") -> Tensor:
    """A tensor that a gradient flows to."""
    return t.leaf(t.new(shape, dtype, "input"))


def test_the_allocator_rounds_to_512() -> None:
    assert [rounded(size) for size in (0, 1, 512, 513)] == [0, 512, 512, 1024]


def test_owners_are_counted_alike_by_every_python() -> None:
    x = Tape().new(SHAPE, "bfloat16", "x")
    assert owners(x) == SOLE
    view = x.view(512, 512)
    assert owners(x) == owners(view) == SOLE + 1


def test_a_gradient_that_something_else_holds_is_summed_into_a_new_buffer() -> None:
    for held in (False, True):
        t = Tape()
        node = wanted(t).node
        assert node is not None
        t.give(node, t.new(SHAPE, "bfloat16", "gradient"))
        assert node.grad is not None
        holder = node.grad.view(512, 512) if held else None
        t.give(node, t.new(SHAPE, "bfloat16", "gradient"))
        assert node.grad.storage is not None
        assert (node.grad.storage.record.name == "gradients, summed") == held
        del holder


def test_a_storage_lives_as_long_as_something_refers_to_it() -> None:
    t = Tape()
    x = t.new(SHAPE, "bfloat16", "x")
    view = x.view(512, 512)
    del x
    assert t.ledger.current == SIZE
    del view
    assert t.ledger.current == 0
    assert t.ledger.peak == SIZE


def test_a_product_keeps_both_factors_and_an_activation_its_input() -> None:
    t = Tape()
    x = wanted(t)
    out = mul(t, activation(t, x, "silu"), x, "product")
    assert t.ledger.current == 3 * SIZE  # the input, silu's output, the product
    del x
    assert t.ledger.current == 3 * SIZE
    out.node.grad = t.new(SHAPE, "bfloat16", "gradient")
    del out
    t.backward()
    assert t.ledger.current == 0


def test_a_sum_keeps_nothing() -> None:
    t = Tape()
    x = wanted(t)
    y = add(t, x, x)
    del x
    assert t.ledger.current == SIZE
    assert y.node is not None


def test_a_linear_layer_keeps_its_input_only_to_train_its_weight() -> None:
    for trained, kept in ((True, 2 * SIZE), (False, SIZE)):
        t = Tape()
        x = wanted(t)
        out = linear(t, x, Linear(Parameter("w", (512, 512), "bfloat16", trained)))
        del x
        assert t.ledger.current == kept, trained
        del out


def test_autocast_casts_each_input_and_caches_trained_weights_until_it_ends() -> None:
    t = Tape(autocast="bfloat16")
    weight = Parameter("w", (512, 512), "float32", True)
    x = wanted(t, dtype="float32")
    outputs = [linear(t, x, Linear(weight)) for _ in range(3)]
    casts = sum(record.bytes for record in t.ledger.records if "input, cast" in record.name)
    assert casts == 3 * SIZE
    assert len(t.cast_cache) == 1
    assert all(out.dtype == "bfloat16" for out in outputs)


def test_the_gradient_of_a_weight_used_twice_is_stored_once() -> None:
    t = Tape()
    weight = Parameter("tied", (512, 512), "bfloat16", True)
    x = wanted(t)
    out = linear(t, linear(t, x, Linear(weight)), Linear(weight))
    out.node.grad = t.new(SHAPE, "bfloat16", "gradient")
    del x, out
    t.backward()
    assert t.ledger.gradients == 512 * 512 * 2
    assert weight.uses == 0


def mlp(weights: tuple[Linear, Linear], t: Tape, x: Tensor) -> Tensor:
    return add(t, x, linear(t, activation(t, linear(t, x, weights[0]), "silu"), weights[1]))


@pytest.mark.parametrize("kind", [checkpoint, reentrant_checkpoint])
def test_checkpointing_keeps_the_input_alone(kind: object) -> None:
    t = Tape()
    weights = tuple(Linear(Parameter(f"w{i}", (512, 512), "bfloat16", True)) for i in range(2))
    x = wanted(t)
    out = kind(t, partial(mlp, weights), x)  # type: ignore[operator]
    del x
    assert t.ledger.current == 2 * SIZE  # the layer's input and its output
    assert out.node is not None
    out.node.grad = t.new(SHAPE, "bfloat16", "gradient")
    del out
    t.ledger.restart_peak()
    t.backward()
    assert t.ledger.gradients == 2 * 512 * 512 * 2
    assert t.ledger.current == t.ledger.gradients


def test_checkpointing_changes_no_gradient() -> None:
    found = []
    for kind in (lambda tape, run, h: run(tape, h), checkpoint, reentrant_checkpoint):
        t = Tape()
        weights = tuple(Linear(Parameter(f"w{i}", (512, 512), "bfloat16", True)) for i in range(2))
        out = kind(t, partial(mlp, weights), wanted(t))
        out.node.grad = t.new(SHAPE, "bfloat16", "gradient")
        del out
        t.backward()
        found.append(t.ledger.gradients)
    assert len(set(found)) == 1


def test_rms_norm_keeps_a_float32_copy_and_for_its_weight_the_normalised_value() -> None:
    rows = rounded(2 * 256 * 4)
    for trained, kept in ((True, 2 * SIZE + SIZE + rows), (False, 2 * SIZE + rows)):
        t = Tape()
        x = wanted(t)
        out = norm(t, x, Norm(Parameter("n", (512,), "bfloat16", trained)))
        del x
        assert t.ledger.current - SIZE == kept, trained
        del out


def test_a_cast_to_the_same_dtype_is_no_copy() -> None:
    t = Tape()
    x = wanted(t)
    assert cast(t, x, "bfloat16") is x
    assert cast(t, x, "float32").bytes == 2 * x.bytes
