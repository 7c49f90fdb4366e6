"""torchtitan's files: what a rank gathers, and what a pipeline's stage holds for its micro batches."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import estimate_of, moment

from vramlint.catalog.facts import MIB
from vramlint.memory import Estimate

TITAN = """# vramlint: gpu=H100-80GB x8
[model]
name = "llama3"
flavor = "8B"
[training]
local_batch_size = {batch}
seq_len = {length}
[parallelism]
pipeline_parallel_degree = {stages}
data_parallel_shard_degree = {shards}
pipeline_parallel_schedule = "1F1B"
[activation_checkpoint]
mode = "{checkpointing}"
"""
LAYER, TABLE = 218_112_000, 128_256 * 4096
"""Weights of a layer of Llama 3 8B, and of its embedding or head."""
STAGE_GRADIENTS = 4 * (8 * LAYER + TABLE)
"""Float32, in which they are reduced, of the first or the last of four stages."""
WORKSPACES = 2 * 32 * MIB
"""cuBLAS on Hopper."""


def titan(
    folder: Path, batch: int = 1, stages: int = 4, checkpointing: str = "none", length: int = 8192
) -> Estimate:
    text = TITAN.format(
        batch=batch, stages=stages, shards=8 // stages, checkpointing=checkpointing, length=length
    )
    return estimate_of(folder, text, "train.toml")


def test_embedding_layers_and_head_are_units_of_their_own(tmp_path: Path) -> None:
    """A buffer that shards arrive in and a copy of it: of the embedding and the first layer when the latter
    begins; of the head, beside the last layer's buffer, when the loss is made (torchtitan 0.3,
    distributed/fsdp.py; counted on torch 2.13).
    """
    estimate = titan(tmp_path, stages=1, checkpointing="full", length=128)
    loss = moment(estimate, "loss").components["activations"] - WORKSPACES
    assert loss == pytest.approx(2 * LAYER + 2 * 2 * TABLE, rel=0.05)
    forward = moment(estimate, "forward").components["activations"] - WORKSPACES
    assert forward == pytest.approx(2 * 2 * TABLE, rel=0.05)


def test_a_stage_holds_no_more_micro_batches_than_there_are(tmp_path: Path) -> None:
    """Each micro batch in flight keeps what the first stage's layers save; after as many as there are stages
    they stay as they are, however many follow.
    """
    runs = {batch: titan(tmp_path, batch) for batch in (3, 4, 5, 8, 16)}
    first = {batch: run.stages[0].components["activations"] for batch, run in runs.items()}
    assert first[4] - first[3] > 12 * 1024**3
    assert first[4] == first[5]
    forward = {batch: run.phase_peaks["forward"] for batch, run in runs.items()}
    # The first micro batch's backward is done when a fifth runs.
    assert forward[5] - forward[4] == pytest.approx(STAGE_GRADIENTS, rel=0.01)
    assert forward[5] == forward[8] == forward[16]


def test_weights_of_a_stage_are_gathered_once_for_all_micro_batches(tmp_path: Path) -> None:
    """2 bytes a weight of a stage until its last backward, not so many for each micro batch."""
    two, many = (titan(tmp_path, batch, checkpointing="full", length=128) for batch in (2, 4))
    assert many.phase_peaks["forward"] - two.phase_peaks["forward"] < 0.1 * LAYER
    assert moment(two, "loss").components["activations"] > STAGE_GRADIENTS / 2


def test_a_single_micro_batch_makes_its_gradients_once(tmp_path: Path) -> None:
    """They are made in backward; only more micro batches have them in forward too, 4 bytes each."""
    one, two = (titan(tmp_path, batch, checkpointing="full") for batch in (1, 2))
    assert moment(one, "loss").components["gradients"] == 0
    more = two.phase_peaks["forward"] - one.phase_peaks["forward"]
    assert more == pytest.approx(STAGE_GRADIENTS, rel=0.05)


def test_a_compiled_loss_keeps_the_logits_and_their_gradient_in_16_bits(tmp_path: Path) -> None:
    """torchtitan 0.1 compiles the loss (components/loss.py): no float32 copy of the logits is stored."""
    logits = 8192 * 128_256
    plain = titan(tmp_path, stages=1, checkpointing="full")
    text = TITAN.format(batch=1, length=8192, stages=1, shards=8, checkpointing="full")
    compiled = estimate_of(tmp_path, f'{text}[compile]\nenable = true\ncomponents = ["loss"]\n', "train.toml")
    saved = plain.peak_allocated_bytes - compiled.peak_allocated_bytes
    assert saved == pytest.approx(3 * 4 * logits - 2 * 2 * logits, rel=0.02)


def test_micro_batches_in_flight_share_the_weights_that_stay_gathered(tmp_path: Path) -> None:
    """Under a pipeline nothing is resharded before the last backward pass (torch 2.13,
    distributed/pipelining/stage.py): the allocator takes a stage's weights once, not once a micro batch.
    """
    gathered = 2 * (8 * LAYER + TABLE)
    few, many = (titan(tmp_path, batch, length=1024).peak_reserved_bytes for batch in (2, 4))
    assert few is not None
    assert many is not None
    assert many - few < gathered


def test_a_loss_over_shared_words_is_made_operation_by_operation(tmp_path: Path) -> None:
    """Under tensor parallelism DTensor's loss_parallel stands in for the fused kernel (torch 2.13,
    distributed/tensor/parallel/loss.py): log-softmax, labels, their sum with the probabilities, and gradient.
    """
    tokens, words = 4 * 8192, 128_256 // 4
    text = TITAN.format(batch=4, length=8192, stages=1, shards=2, checkpointing="full")
    text = text.replace("[activation", "tensor_parallel_degree = 4\n[activation")
    plain = estimate_of(tmp_path, text, "train.toml")
    compiled = estimate_of(tmp_path, f'{text}[compile]\nenable = true\ncomponents = ["loss"]\n', "train.toml")
    saved = plain.peak_allocated_bytes - compiled.peak_allocated_bytes
    assert saved == pytest.approx((4 * 4 - 2 * 2) * tokens * words, rel=0.02)
