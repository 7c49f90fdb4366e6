"""What matrix products lose because a GPU computes them in whole tiles, and tiles in whole waves.

A product's output is cut into tiles; each processor of the GPU takes one at a time, so the last wave of tiles
leaves processors idle (NVIDIA, Matrix Multiplication Background User's Guide, "Tile Quantization" and "Wave
Quantization"). Few tokens, or matrices that tensor parallelism made narrow, have few waves.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

from vramlint.lazy_dataclasses import dataclass

TILES = (256, 128), (128, 256)
"""Outputs of a tile: the shapes that the guide calls most efficient."""

Split: TypeAlias = Literal["outputs", "inputs", "none"]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A weight matrix that every token meets, `count` times in the model."""

    outputs: int
    inputs: int
    count: int
    split: Split = "none"
    """The side that tensor parallelism cuts."""


def waste(
    matrices: Sequence[Matrix], tensor: int, tokens: int, forwards: float, processors: int | None
) -> float:
    """How many times longer than without whole tiles and waves the products of `tokens` tokens take, with
    `forwards` forward passes and a backward one; 1 where the number of processors is not known.
    """
    if processors is None or not matrices:
        return 1.0
    taken = least = 0.0
    for matrix in matrices:
        outputs = matrix.outputs // tensor if matrix.split == "outputs" else matrix.outputs
        inputs = matrix.inputs // tensor if matrix.split == "inputs" else matrix.inputs
        # Forward, the gradient of the tokens, the gradient of the weight.
        whole = (
            forwards * _whole(tokens, outputs, processors) * inputs
            + _whole(tokens, inputs, processors) * outputs
            + _whole(outputs, inputs, processors) * tokens
        )
        taken += matrix.count * whole
        least += matrix.count * (forwards + 2) * tokens * outputs * inputs
    return taken / least


def filled_up(rows: float) -> float:
    """How many times longer products of about `rows` tokens for each of many experts take. One kernel does
    all, so that waves are whole; of each expert's last tile of rows half is lost, on average.
    """
    return 1 + min(min(tile) for tile in TILES) / 2 / rows


@lru_cache(maxsize=4096)
def _whole(rows: int, columns: int, processors: int) -> int:
    """Outputs of a product of `rows` × `columns` outputs, filled up to whole tiles and waves. Fewer tiles
    than processors are no wave: the sum is cut up instead (cuBLAS, split-K).
    """
    filled = []
    for high, wide in TILES:
        tiles = -(-rows // high) * -(-columns // wide)
        if tiles > processors:
            tiles = -(-tiles // processors) * processors
        filled.append(tiles * high * wide)
    return min(filled)
