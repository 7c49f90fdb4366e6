"""The machine's own NVIDIA GPUs, asked through NVML (the driver's management library), if it is there."""

from __future__ import annotations

import ctypes
import sys

from vramlint.catalog.facts import MIB, Gpu
from vramlint.catalog.gpus import find_gpu, gpu_of_size
from vramlint.lazy_dataclasses import replace

SUCCESS = 0
NAME_LENGTH = 96
LIBRARIES = {"win32": ("nvml.dll",), "linux": ("libnvidia-ml.so.1", "libnvidia-ml.so")}


class _Memory(ctypes.Structure):
    """`nvmlMemory_t` of nvml.h: bytes."""

    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def installed_gpus() -> tuple[Gpu, ...]:
    """The GPUs of this machine; none where there is no NVIDIA driver."""
    library = _load()
    if library is None or library.nvmlInit_v2() != SUCCESS:
        return ()
    try:
        count = ctypes.c_uint()
        if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != SUCCESS:
            return ()
        found = (_device(library, index) for index in range(count.value))
        return tuple(gpu for gpu in found if gpu is not None)
    finally:
        library.nvmlShutdown()


def _load() -> ctypes.CDLL | None:
    for name in LIBRARIES.get(sys.platform, ()):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _device(library: ctypes.CDLL, index: int) -> Gpu | None:
    handle = ctypes.c_void_p()
    name = ctypes.create_string_buffer(NAME_LENGTH)
    memory = _Memory()
    if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) != SUCCESS:
        return None
    if library.nvmlDeviceGetName(handle, name, NAME_LENGTH) != SUCCESS:
        return None
    if library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) != SUCCESS:
        return None
    return measured(name.value.decode("utf-8", "replace"), memory.total)


def measured(name: str, total_bytes: int) -> Gpu:
    """The catalog's facts of a driver name with the total that the driver really reports.

    Where the total is the catalog's (within 3 %), so is what PyTorch can have of it; else (ECC, another
    memory version) the usual share.
    """
    known = find_gpu(name)
    if known is None:
        return replace(gpu_of_size(total_bytes / MIB, name), vendor="nvidia", confidence="measured")
    if abs(total_bytes - known.memory_bytes) <= 0.03 * known.memory_bytes:
        return replace(known, memory_bytes=total_bytes, usable_bytes=min(known.usable_bytes, total_bytes))
    other = gpu_of_size(total_bytes / MIB, name)
    return replace(
        known, memory_bytes=other.memory_bytes, usable_bytes=other.usable_bytes, confidence="measured"
    )
