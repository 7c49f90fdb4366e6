"""What compiled layers keep under a memory budget, against what torch 2.13 kept of a layer of these sizes:
elements a token in units of the hidden width, counted over the saved tensors of the compiled graph on a CPU
(`torch._functorch.config.activation_memory_budget`, backend `aot_eager_decomp_partition`).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from vramlint.catalog.facts import Model
from vramlint.job import Precision, TrainingJob
from vramlint.memory import estimate_job
from vramlint.memory.memory_budget import Product, most_sparing
from vramlint.vocabulary import Attention, Checkpointing

H, INNER, LAYERS, TOKENS = 640, 3456, 8, 256
JOB = TrainingJob(
    Model(
        "small",
        "olmo2",
        {
            "hidden_size": H,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 5,
            "num_key_value_heads": 5,
            "intermediate_size": INNER,
            "vocab_size": 32000,
        },
    ),
    precision=Precision(weights="bfloat16"),
    optimizer="sgd",
    sequence_length=TOKENS,
    loop="freed",
    compile=True,
)
INPUT = 1.0
"""Of the hidden width: each layer's input, which is the output of the layer before."""


def kept(checkpointing: Checkpointing, attention: Attention) -> float:
    """Hidden widths a token and layer that lie there when the loss is made."""
    job = replace(JOB, gradient_checkpointing=checkpointing, attention=attention)
    shorter = replace(
        job, model=replace(job.model, config={**job.model.config, "num_hidden_layers": LAYERS // 2})
    )
    alive = [estimate_job(each).component_sizes["activations"] for each in (job, shorter)]
    return (alive[0] - alive[1]) / (LAYERS - LAYERS // 2) / TOKENS / 2 / H


@pytest.mark.parametrize(
    ("share", "measured"), [(0.7, 15.81), (0.5, 12.80), (0.3, 7.40), (0.1, 2.0)], ids=str
)
def test_a_layer_in_one_graph(share: float, measured: float) -> None:
    """Up to one width apart: the CPU's attention kernel is none of those that are kept first."""
    assert kept(share, "sdpa") - INPUT == pytest.approx(measured, abs=1.01)


@pytest.mark.parametrize(
    ("share", "measured"), [(0.8, 18.82), (0.7, 17.82), (0.5, 13.42), (0.3, 7.02), (0.1, 6.02)], ids=str
)
def test_a_layer_that_calls_a_kernel_between_two_graphs(share: float, measured: float) -> None:
    assert kept(share, "flash_attention_2") - INPUT == pytest.approx(measured, abs=0.01)


def test_a_layer_without_a_budget() -> None:
    assert kept("none", "flash_attention_2") - INPUT == pytest.approx(25.23, abs=0.01)


def test_more_room_keeps_more() -> None:
    sizes = [kept(share, "sdpa") for share in ("full", 0.1, 0.3, 0.5, 0.7, "none")]
    assert sizes == sorted(sizes)


def test_the_choice_that_spares_most() -> None:
    large, first, second = Product(54, 10), Product(10, 10), Product(10, 1)
    assert most_sparing([large, first, second], 60) == 20
    assert most_sparing([large, first, second], 65) == 64
    assert most_sparing([large, first, second], 9) == 0
    assert most_sparing([], 100) == 0
