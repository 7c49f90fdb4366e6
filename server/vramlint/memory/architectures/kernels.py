"""Which attention kernel PyTorch takes, and which mask it is handed."""

from __future__ import annotations

from vramlint.catalog.facts import Gpu
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.ops.attention import AttentionCall
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.versions import packs_heads, repeats_heads


def attention_call(
    t: Tape, decoder: Decoder, job: TrainingJob, dtype: str, window: int | None
) -> AttentionCall:
    """How layers with this sliding window call attention; makes the mask."""
    if decoder.no_sdpa and job.attention.startswith("sdpa"):
        job = replace(job, attention="eager")
    sdpa = job.attention.startswith("sdpa")
    repeats = sdpa and repeats_heads(job)
    grouped = decoder.kv_heads != decoder.heads and not decoder.broadcast_heads and not repeats
    kernel, mask = kernel_and_mask(t, job, dtype, window, grouped, decoder.head_size)
    if decoder.bidirectional and kernel == "eager" and window is None and not job.padded_batch:
        mask = None
    if decoder.always_masked and kernel != "eager" and mask is None:
        tokens = job.sequence_length
        # Falcon writes linear biases into the mask, for every head.
        wide = (job.micro_batch_size, decoder.heads, tokens, tokens)
        mask = t.new(
            wide if decoder.alibi else (1, 1, tokens, tokens),
            dtype if decoder.alibi else "bool",
            "attention mask",
        )
        kernel = "math" if grouped else "efficient"
    bias = None
    if decoder.alibi and not decoder.always_masked:
        bias = t.new((1, decoder.heads, 1, job.sequence_length), dtype, "linear position biases")
    return AttentionCall(
        kernel,
        mask,
        decoder.attention_dropout,
        decoder.attention_cap,
        bias=bias,
        softmax_fp32=decoder.softmax_fp32,
        scores_fp32=decoder.scores_fp32,
        scales=decoder.scales_scores,
        repeats=repeats,
        packs=sdpa and packs_heads(job, masked=mask is not None),
    )


def kernel_and_mask(
    t: Tape, job: TrainingJob, dtype: str, window: int | None, grouped: bool, head_size: int
) -> tuple[str, Tensor | None]:
    """The kernel for hidden states of `dtype` (aten/src/ATen/native/transformers/cuda/sdp_utils.cpp;
    transformers' masking_utils.py for the mask).

    `grouped`: key and value are handed over with fewer heads than the query, which the memory-efficient
    kernel refuses. Flash takes 16-bit heads of at most 256 elements, from Ampere on.
    """
    batch, tokens = job.micro_batch_size, job.sequence_length
    wanted = job.attention
    compute = t.autocast or dtype
    if wanted == "eager":
        return "eager", t.new((batch, 1, tokens, tokens), dtype, "causal mask")
    if wanted in ("flash_attention_2", "flash_attention_3", "sdpa-flash", "flex"):
        return "flash", None
    masked = job.padded_batch or (window is not None and window <= tokens)
    rows = batch if job.padded_batch else 1
    mask = t.new((rows, 1, tokens, tokens), "bool", "attention mask") if masked else None
    if wanted == "sdpa-math":
        return "math", mask
    if wanted == "sdpa-efficient" or mask is not None:
        return "efficient", mask
    if compute == "float32" or head_size > 256 or not _has_flash(job.gpu):
        return ("math" if grouped else "efficient"), mask
    return "flash", mask


def _has_flash(gpu: Gpu | None) -> bool:
    """Whether PyTorch's flash kernel runs on the GPU; taken so where none is declared, and for other vendors,
    whose architectures are no numbers ("gfx942").
    """
    capability = None if gpu is None else gpu.compute_capability
    major = (capability or "").partition(".")[0]
    return not major.isdigit() or int(major) >= 8
