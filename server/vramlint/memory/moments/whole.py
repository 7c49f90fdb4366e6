"""Weights before they are shared out, and after they were gathered."""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.memory.ledger import DTYPE_BYTES, rounded
from vramlint.memory.quantization import stored_bytes
from vramlint.memory.tensors import Parameter


def whole_bytes(job: TrainingJob, parameter: Parameter, dtype: str = "") -> int:
    """Bytes of a whole weight on one GPU, in `dtype` or else as it is stored."""
    if parameter.scheme is not None and job.quantization is not None:
        return stored_bytes(parameter.numel, parameter.shape, job.quantization)
    return rounded(parameter.numel * DTYPE_BYTES[dtype or parameter.stored])
