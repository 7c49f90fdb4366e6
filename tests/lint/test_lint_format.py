"""How names are written in messages."""

from __future__ import annotations

import pytest

from vramlint.catalog.gpus import find_gpu
from vramlint.lazy_dataclasses import replace
from vramlint.lint.format import gpu_name


@pytest.mark.parametrize(
    ("full", "said"),
    [
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA A100 80GB PCIe", "A100 80GB PCIe"),
        ("Tesla T4", "T4"),
        ("NVIDIA Quadro RTX 8000", "RTX 8000"),
        ("AMD Radeon RX 7900 XTX", "RX 7900 XTX"),
        ("AMD Instinct MI300X", "MI300X"),
        ("Intel Data Center GPU Max 1550", "Data Center GPU Max 1550"),
        ("NVIDIA", "NVIDIA"),
    ],
)
def test_a_gpu_goes_by_the_name_that_people_say(full: str, said: str) -> None:
    gpu = find_gpu("RTX-4090")
    assert gpu is not None
    assert gpu_name(replace(gpu, name=full)) == said
