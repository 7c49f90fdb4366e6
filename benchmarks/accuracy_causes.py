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
        r"^fms-a100_80gb-L7[1357]$",
        (
            "autocast stays on under accelerate's FSDP, so that LayerNorms are float32; the record's job "
            "says that there is none"
        ),
    ),
    (
        r"^fms-a100_80gb-L7[0246]$",
        "4 bits under autocast: about two tensors of the residual stream a layer more than the class keeps",
    ),
    (
        r"^fms-a100_80gb(-L(58|60|62|64)|_granite-L(18|20))$",
        (
            "PEFT's preparation leaves the norms in float32 (TRL 0.13, bf16), and with them the residual "
            "stream; the record's job says that nothing is prepared. With it the error is below 0.6 %"
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
            "about a quarter of a byte a quantized weight more than LitGPT's code explains; its versions "
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

VERDICTS: tuple[tuple[str, str], ...] = (
    (
        r"^qlora-blog-7b-int8",
        (
            "LLM.int8 of May 2023 on a T4, of which only the outcome is known: the run of half the length "
            "trained, so that 512 tokens more decide. Weights (6.6 GiB), float32 embeddings and head, and a "
            "checkpointed step are counted; what takes 5 GiB more is not known"
        ),
    ),
)
"""Wrong verdicts: (expression that the id matches, what is known)."""
FIGURES: tuple[tuple[str, str], ...] = (
    (
        r"^trl-grpo",
        (
            "an upper bound by the record: limits of lengths, not lengths. With completions alone the runs "
            "need 34 and 61 GiB, with the longest prompts 76 and 104; about 700 tokens of prompt give both "
            "readings. The larger run is counted as the whole GPU, which it nearly filled"
        ),
    ),
    (
        r"^lf-5977",
        (
            "nvidia-smi's 13G. 3.2 GiB are the step's, 5.6 the stream's that gathers (what is fetched ahead, "
            "and with torch 2.5 what waits for it), 0.6 that of reductions, 1.0 outside PyTorch; what the "
            "rest is, is not known"
        ),
    ),
    (
        r"^s1-106",
        (
            "the file switches on both kinds of checkpointing, which the Trainer refuses (an error here "
            "too), so that the run cannot have been this one. 130.8 GiB were allocated when the log-softmax "
            "asked for 9.4, on another rank of that log 119.2 when 8.5 were asked for; if that one was an "
            "allocation earlier, 97 GiB depend on no length in both. Shards, states and the root unit are 49 "
            "on eight GPUs and 94 on four, where the optimizer's first step would not have fitted"
        ),
    ),
    (
        r"^axo-602-lora8",
        "printed as 7gb, rounded, without the GPU; LLM.int8 in bitsandbytes 0.41, as in the missed run",
    ),
    (r"^ds-zero2-liger", "Liger saves 19 GiB against the stock run by the readings, 25 by the model"),
)


def verdict_cause(run: str) -> str:
    """What is known of a wrong verdict."""
    return _first(VERDICTS, run)


def figure_cause(run: str) -> str:
    """What is known of a reported figure that is far off."""
    return _first(FIGURES, run)


def _first(known: tuple[tuple[str, str], ...], name: str) -> str:
    return next((text for expression, text in known if re.search(expression, name)), "not known")


def cause(case: Case) -> str:
    """The known cause, or that there is none."""
    return _first(CAUSES, case.id)
