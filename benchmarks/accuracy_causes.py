"""What is known of the runs that are estimated worst."""

from __future__ import annotations

import re

from measured import Case

CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"^torchtune-readme-8b-full-4090$",
        (
            "the optimizer stepped inside backward, which the record's notes say and its job does not: no "
            "gradients were held"
        ),
    ),
    (
        r"^torchtune-readme-70b",
        "optimizer and shards on the host, compiled: what of them passes through the GPU is not known",
    ),
    (r"^torchtune-flags-(q?lora)$", "activations were offloaded, which the notes say and the job does not"),
    (r"^torchtune", "compiled: what is fused and recomputed is modelled roughly"),
    (
        r"^fms-a100_80gb-L([2-9]|7[0-7])$",
        (
            "most likely 2,048 tokens a sequence, not the 4,096 of the record: the model's position table "
            "has no more"
        ),
    ),
    (
        r"^qwen-",
        ("kind of figure and unit not stated; mostly 2 to 8 GiB above the tensors, more for larger models"),
    ),
    (
        r"^swift-full-qwen-1_8b",
        (
            "reserved memory that does not grow with the length (35.1 GiB at 2,048 tokens, 31.6 at "
            "4,096): allocator history"
        ),
    ),
    (
        r"^swift-(fa\d-gc0)$",
        "reserved, and without checkpointing lengths that vary cost less than the usual share",
    ),
    (r"^swift-quant", "reserved with bitsandbytes 0.41 or auto_gptq 0.5, neither read for the model"),
    (r"^swift-", "reserved under lengths that vary: what the allocator keeps depends on their order"),
    (
        r"^raschka-qlora-all",
        (
            "the record gives no dropout; the script's default of 0.05 keeps a mask and a copy of every "
            "adapted input"
        ),
    ),
    (
        r"^litgpt-hub-.*qlora",
        (
            "about a quarter of a byte a quantised weight more than LitGPT's code explains; its versions "
            "are not stated"
        ),
    ),
    (
        r"^litgpt-hub-tiny-llama-full",
        "full training in LitGPT, which the job does not name: taken for an own loop",
    ),
    (r"^axolotl-", "metric and versions not stated; the trainer logs three kinds of figure"),
    (
        r"_sgd_",
        (
            "tied embeddings: on fake tensors their two gradients are summed in a third tensor, on real "
            "ones in place"
        ),
    ),
)
"""(expression that the id matches, cause), the first that matches."""


def cause(case: Case) -> str:
    """The known cause, or that there is none."""
    return next((text for expression, text in CAUSES if re.search(expression, case.id)), "not known")
