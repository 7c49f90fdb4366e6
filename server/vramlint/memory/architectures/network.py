"""What every architecture becomes: functions to run on a tape, and the weights that belong to each."""

from __future__ import annotations

from collections.abc import Callable

from vramlint.lazy_dataclasses import dataclass, field
from vramlint.memory.ops.attention import AttentionCall
from vramlint.memory.ops.linear import Linear
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Parameter, Tensor


@dataclass(slots=True)
class Inputs:
    """What every layer is handed besides the hidden states, made once a step.

    `calls` says how attention is called under each sliding window (None: over the whole sequence);
    `positions` holds rotary cosines and sines by name; `extra` whatever else an architecture hands to all its
    layers (a relative position bias, an encoder's output).
    """

    batch: int
    tokens: int
    calls: dict[int | str | None, AttentionCall]
    positions: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    extra: dict[str, Tensor] = field(default_factory=dict)


Block = Callable[[Tape, Tensor, Inputs], Tensor]
"""Hidden states to hidden states: a layer, or its attention."""
FeedForward = Callable[[Tape, Tensor], Tensor]


@dataclass(slots=True)
class Stage:
    """Equal layers: how to run one, and the weights of one."""

    name: str
    run: Block
    parameters: list[Parameter]
    checkpointed: bool = True
    """False for what is between layers and is never checkpointed."""
    apart: bool = False
    """Its attention and MLP are checkpointed each by itself where the job says so."""


@dataclass(slots=True)
class Network:
    """A model ready to run on a tape."""

    begin: Callable[[Tape], tuple[Tensor, Inputs]]
    """Embeds the tokens and makes what all layers are handed."""
    stages: list[Stage]
    final_norm: Callable[[Tape, Tensor], Tensor]
    head: Linear
    root: list[Parameter]
    """Weights outside the layers: embedding, last norm, head."""
    order: list[int] = field(default_factory=list)
    """Index of the stage of each layer, first to last."""
    logit_cap: bool = False
    modelled: bool = True
    """False where operations are only approximated: activations are a bound."""
    counted: bool = True
    """False where nobody counted the class's parameters: they are those of a relative of these sizes."""
    notes: tuple[str, ...] = ()
    """What the estimate assumes or leaves out, for its reader."""
    leaf: bool = True
    """Whether what `begin` returns is where enable_input_require_grads makes gradients start."""
    loss: Callable[[Tape, Tensor], tuple[Tensor, Tensor | None]] | None = None
    """The model's own way from the last hidden states to the loss and the logits that outlive it; None: a
    causal language model's.
    """
    tail: list[Parameter] = field(default_factory=list)
    """Of `root`, what comes after the layers, where it is told apart."""

    @property
    def outside(self) -> tuple[list[Parameter], list[Parameter]]:
        """Weights before the layers and after them; those of both (a tied embedding) are before."""
        after = set(map(id, self.tail))
        return [parameter for parameter in self.root if id(parameter) not in after], self.tail
