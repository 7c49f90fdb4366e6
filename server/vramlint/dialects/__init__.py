"""Dialects of training configs: which one a file is written in, how it reads as a TrainingJob, and how
changes of the job are written back.
"""

from __future__ import annotations

from typing import Any

from vramlint.dialects.accelerate import read as accelerate
from vramlint.dialects.axolotl import read as axolotl
from vramlint.dialects.deepspeed import read as deepspeed
from vramlint.dialects.job_file import read as job_file
from vramlint.dialects.kit.detect import Detection, choose
from vramlint.dialects.kit.dialect import Dialect
from vramlint.dialects.litgpt import read as litgpt
from vramlint.dialects.llamafactory import read as llamafactory
from vramlint.dialects.nemo import read as nemo
from vramlint.dialects.others import gpt_neox, h2o_llm_studio, llm_foundry, ms_swift, prime_rl, skypilot
from vramlint.dialects.torchtitan import read as torchtitan
from vramlint.dialects.torchtune import read as torchtune
from vramlint.dialects.trl import read as trl
from vramlint.dialects.unsloth import read as unsloth
from vramlint.dialects.verl import read as verl

FULLY_SUPPORTED: tuple[Dialect, ...] = (
    job_file.DIALECT,
    axolotl.DIALECT,
    trl.DIALECT,
    llamafactory.DIALECT,
    torchtune.DIALECT,
    torchtitan.DIALECT,
    litgpt.DIALECT,
    accelerate.DIALECT,
    deepspeed.DIALECT,
)
"""Read with all their keys."""

RECOGNISED_ONLY: tuple[Dialect, ...] = (
    unsloth.DIALECT,
    verl.DIALECT,
    nemo.DIALECT,
    gpt_neox.DIALECT,
    llm_foundry.DIALECT,
    ms_swift.DIALECT,
    prime_rl.DIALECT,
    h2o_llm_studio.DIALECT,
    skypilot.DIALECT,
)
"""Recognised, and estimated where the file says enough."""

DIALECTS: tuple[Dialect, ...] = FULLY_SUPPORTED + RECOGNISED_ONLY


def detect(values: Any) -> Detection:
    """The dialect of a document by its keys alone, with the evidence; never by file name."""
    return choose(DIALECTS, values)


__all__ = ["DIALECTS", "FIRST_RING", "SECOND_RING", "Detection", "detect"]
