"""When a rule is worth asking: looks at the context that cost next to nothing, in place of an import."""

from __future__ import annotations

from collections.abc import Callable

from vramlint.job import Assumed, TrainingJob
from vramlint.lint.context import RuleContext
from vramlint.memory.estimate import MomentName, Verdict
from vramlint.vocabulary import ADAPTER_METHODS

When = Callable[[RuleContext], bool]


def verdict(wanted: Verdict) -> When:
    """Runs with this verdict."""
    return lambda context: context.is_run and context.verdict == wanted


does_not_fit, tight, fits, no_verdict = (
    verdict(each) for each in ("does_not_fit", "tight", "fits", "unknown")
)


def models_beside_too_many(context: RuleContext) -> bool:
    """Runs that do not fit, of objectives that can need other models than the trained one."""
    alone = context.job is None or context.job.objective in ("sft", "pretrain")
    return not alone and does_not_fit(context)


def allocator_set(context: RuleContext) -> bool:
    """Files that set PyTorch's allocator up, or that may."""
    told = context.dialect_context
    return bool((context.job and context.job.allocator) or (told and told.set_at))


def job(test: Callable[[TrainingJob], bool]) -> When:
    """Files that describe such a job."""
    return lambda context: context.job is not None and test(context.job)


def estimated(test: Callable[[TrainingJob], bool]) -> When:
    """Runs of such a job that have an estimate."""
    return lambda context: context.estimate is not None and context.job is not None and test(context.job)


def either(*tests: When) -> When:
    """Files of which one of the tests holds."""
    return lambda context: any(test(context) for test in tests)


def worst(moment: MomentName) -> When:
    """Runs whose worst moment is this one."""
    return lambda context: context.estimate is not None and context.estimate.worst.name == moment


def lacks(feature: str) -> When:
    """Runs on a GPU that is known to lack a feature."""
    return lambda context: (
        context.job is not None and context.gpu is not None and context.gpu.supports.get(feature) is False
    )


def flash_attention(version: int) -> When:
    """Runs on a declared GPU that ask for this version of FlashAttention."""
    words = (f"flash_attention_{version}", f"flash_attn{version}", f"fa{version}")

    def asks(context: RuleContext) -> bool:
        key = context.key("attention") if context.gpu is not None else None
        node = context.document.node(key) if key is not None else None
        if key is None or node is None:
            return False
        said = f"{key[-1]} {node.resolved().value}".lower().replace("-", "_")
        return any(word in said for word in words)

    return asks


def problems(context: RuleContext) -> bool:
    """Files of which the dialect has something to say."""
    return context.reading is not None and bool(context.reading.problems)


def offloads(context: RuleContext) -> bool:
    """Runs that keep something in host memory."""
    return context.estimate is not None and context.estimate.host is not None


def no_estimate(context: RuleContext) -> bool:
    """Files of which no size can be worked out."""
    return context.cannot is not None


def unclear_gpu(context: RuleContext) -> bool:
    """Files for which a GPU is declared that is not known, or by a name that GPUs of several sizes have."""
    declared = context.declared
    return declared is not None and (declared.gpu is None or bool(declared.other_sizes))


def missing_companion(context: RuleContext) -> bool:
    """Files that name another one that is not there."""
    return context.reading is not None and bool(context.reading.missing_companions or context.faults)


def rows_over(context: RuleContext) -> bool:
    """Runs that do not fit, or only just, with rows that differ in length."""
    if context.gpu is None or context.job is None or context.job.packing:
        return False
    return context.verdict in ("does_not_fit", "tight")


def fits_by_assumption(context: RuleContext) -> bool:
    """Runs that fit with an assumed length, or an assumed model."""
    if context.gpu is None or context.job is None or context.verdict != "fits":
        return False
    length = context.job.origins.get("sequence_length")
    return context.job.model.spread > 0 or isinstance(length, Assumed)


def ranks(context: RuleContext) -> bool:
    """Jobs of several ranks, on a counted number of GPUs."""
    job, gpus = context.job, context.declared
    return job is not None and job.parallel.world_size > 1 and gpus is not None and gpus.counted


def int8_on_gpu(context: RuleContext) -> bool:
    """Jobs over a base in 8 bits, on a declared GPU."""
    quantization = context.job.quantization if context.job is not None else None
    return context.gpu is not None and quantization is not None and quantization.scheme == "bnb-int8"


def tensor_without_nvlink(context: RuleContext) -> bool:
    """Tensor parallelism on a GPU without NVLink."""
    return context.job is not None and context.job.parallel.tensor > 1 and lacks("nvlink")(context)


def beyond_positions(context: RuleContext) -> bool:
    """Jobs with rows longer than the positions of the model, or nearly so."""
    job = context.job
    if job is None or job.model.spread:
        return False
    text = job.model.config.get("text_config")
    parts = (job.model.config, text if isinstance(text, dict) else {})
    known = [part.get(key) for part in parts for key in ("max_position_embeddings", "n_positions")]
    return any(isinstance(each, int) and job.sequence_length > each - _PADDING for each in known)


def large_logits(context: RuleContext) -> bool:
    """Runs whose whole logits take some GiB."""
    job = context.job
    if context.estimate is None or job is None or job.loss != "full-logits":
        return False
    text = job.model.config.get("text_config")
    words = job.model.config.get("vocab_size") or (text.get("vocab_size") if isinstance(text, dict) else 0)
    return not isinstance(words, int) or job.micro_batch_size * job.sequence_length * words > _LOGITS


def large_checkpoints(context: RuleContext) -> bool:
    """Runs that write checkpoints of some GiB, to disks that the file decides about."""
    estimate, dialect = context.estimate, context.dialect
    if estimate is None or dialect is None or dialect.name not in ("axolotl", "llamafactory", "trl"):
        return False
    return estimate.checkpoint_bytes.get("resume_state", 0) > _CHECKPOINT


_PADDING = 2
"""Positions that RoBERTa's padding takes."""
_LOGITS = 2**29
"""Numbers."""
_CHECKPOINT = 2**32
"""Bytes."""
packed = estimated(lambda job: job.quantization is not None and job.quantization.packed == "buffers")


def has_estimate(context: RuleContext) -> bool:
    """Runs that have an estimate."""
    return context.estimate is not None


def written(name: str) -> When:
    """Runs of a file that has this key at its top, and not as false."""
    return lambda context: (
        context.job is not None and isinstance(context.values, dict) and bool(context.values.get(name))
    )


fsdp_accumulates = estimated(
    lambda job: job.parallel.strategy in ("fsdp1", "fsdp2") and job.gradient_accumulation_steps > 1
)
float32 = estimated(lambda job: job.precision.weights == "float32" and job.precision.autocast == "none")
eager = estimated(lambda job: job.attention in ("eager", "sdpa-math"))
wide_modules = estimated(lambda job: bool(job.precision.fp32_modules))
paged = estimated(lambda job: job.optimizer.startswith("paged"))
preference = estimated(lambda job: job.objective in ("dpo", "kto") and job.reference_model != "none")
whole_modules = estimated(lambda job: job.adapter is not None and bool(job.adapter.modules_to_save))
nodes = job(lambda job: job.parallel.tensor > 1 and job.nodes > 1)
zero = job(lambda job: job.parallel.strategy.startswith("zero"))
adapts = estimated(lambda job: job.method in ADAPTER_METHODS)
adapts_float32 = estimated(
    lambda job: (
        job.method in ADAPTER_METHODS and job.quantization is None and job.precision.weights == "float32"
    )
)
broken_release = estimated(
    lambda job: job.parallel.strategy in ("zero3", "fsdp2") or job.quantization is not None
)
"""What a release is known to break: the rule asks which."""
