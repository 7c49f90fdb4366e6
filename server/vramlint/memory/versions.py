"""What changed with the releases of libraries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from vramlint.catalog.releases import together
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.versions import at_least, older
from vramlint.vocabulary import Runtime


def version_of(library: str, job: TrainingJob) -> str | None:
    """The version of a library that runs: as named, else as the named releases and the job's framework imply,
    else None (the newest known is assumed). Of transformers also None where the job runs in another
    framework's layers.
    """
    if library == "transformers" and job.runtime != "transformers":
        return None
    return together(job.versions, job.runtime).get(library)


@dataclass(frozen=True, slots=True)
class LogitsCopies:
    """How a model treats its logits before the cross entropy."""

    upcast: str
    """Where they become float32: "model" (which then returns those), "loss", or "" for nowhere."""
    shifted: bool
    """The logits are shifted into a contiguous copy before the cross entropy."""


Rows: TypeAlias = "tuple[tuple[str, LogitsCopies], ...]"
LATEST = LogitsCopies("loss", shifted=False)
LOGITS_COPIES: Rows = (
    ("4.49", LATEST),
    ("4.46", LogitsCopies("loss", shifted=True)),
    ("0", LogitsCopies("model", shifted=True)),
)
"""First version → behaviour, newest first. Read in the released sources: models/*/modeling_*.py 4.44.2 to
4.53.3, loss/loss_utils.py 4.46.3 to 4.53.3 and 5.23.0.
"""
OWN_LOSS: Rows = (("4.49", LATEST), ("0", LogitsCopies("", shifted=True)))
"""Families that computed their loss themselves, on logits as they came."""
LATE: Rows = (("4.49", LATEST), ("0", LogitsCopies("model", shifted=True)))
FAMILIES_APART: dict[str, Rows] = {
    **dict.fromkeys(
        ("bloom", "falcon", "gpt2", "gpt_bigcode", "gpt_neox", "gptj", "mpt", "opt", "stablelm"), OWN_LOSS
    ),
    "granite": LATE,
    "qwen": (("0", LogitsCopies("", shifted=True)),),
}
"""Families that came to the shared loss later, and code that is not in transformers."""


OWN_MODELS: Mapping[Runtime, LogitsCopies] = {"torchtune": LogitsCopies("model", shifted=False)}
"""Frameworks with models of their own: torchtune 0.3 to 0.6.1 turn the logits to float32 in the model and
shift the labels instead of them (modules/transformer.py, unembed; recipes/full_finetune_single_device.py).
"""


def logits_copies(job: TrainingJob) -> LogitsCopies:
    """What happens to the logits of `job` in its framework's release and its model's family."""
    if job.runtime != "transformers":
        return OWN_MODELS.get(job.runtime, LATEST)
    rows = FAMILIES_APART.get(job.model.model_type, LOGITS_COPIES)
    transformers = version_of("transformers", job)
    return next(row for since, row in rows if at_least(transformers, since))


QUANTIZED_INPUT_UNTIL = "0.43.2"
"""bitsandbytes 0.41.1 to 0.43.1 save the input of MatMul4Bit (autograd/_functions.py, `ctx.tensors = (A,
B)`); 0.43.3 does not.
"""


def returns_cache(job: TrainingJob) -> bool:
    """Whether a model that turns its cache off only without checkpointing still fills it in a trainer: up to
    transformers 4.52 GPT BigCode did (4.48.1, models/gpt_bigcode/modeling_gpt_bigcode.py; 4.53.3 turns it
    off). Axolotl and LLaMA-Factory set `use_cache` to false themselves. Without checkpointing the graph
    keeps the same tensors.
    """
    if not job.in_trainer or job.gradient_checkpointing == "none":
        return False
    if {"axolotl", "llamafactory"} & set(job.versions):
        return False
    return older(version_of("transformers", job), "4.53")


def repeats_heads(job: TrainingJob) -> bool:
    """Whether transformers copies key and value to all query heads before it calls SDPA, though there is no
    mask: until 4.53, and with torch before 2.5 (4.48.3 to 5.24, integrations/sdpa_attention.py).
    """
    if job.runtime != "transformers":
        return False
    return older(version_of("transformers", job), "4.54") or older(version_of("torch", job), "2.5")


def packs_heads(job: TrainingJob, masked: bool) -> bool:
    """Whether transformers makes query, key and value contiguous before SDPA: from 4.48 to 4.55, and before
    only under a mask (4.40.2 and 4.44.2, models/llama/modeling_llama.py).
    """
    release = version_of("transformers", job)
    if job.runtime != "transformers" or not older(release, "4.56"):
        return False
    return masked or at_least(release, "4.48")
