"""Builds the oracle: PyTorch's own libc10 and libc10_cuda, a CUDA runtime that only counts, and a way to call
them. Nothing is downloaded and nothing of it needs a GPU or a driver.

`torch` is a wheel of a CUDA build, or a folder that holds an unpacked one; `headers` are wheels or folders
with CUDA's headers of the same major release (nvidia-cuda-runtime and nvidia-cuda-crt). Needs gcc and nm.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
WANTED = re.compile(
    r"torch/version\.py|torch/lib/libc10(_cuda)?\.so|torch/include/(c10|torch/headeronly)/.*|nvidia/.*/include/.*"
)
LIBRARIES = ("libc10.so", "libc10_cuda.so")
DRIVER = "libcuda.so.1"


def build(torch: Path, headers: Sequence[Path], out: Path) -> Path:
    """Build into `out`; the path of the library that is called. Beside it `torch` names the release."""
    out.mkdir(parents=True, exist_ok=True)
    unpacked = [_unpacked(each, out / "unpacked") for each in (torch, *headers)]
    said = re.search(r"__version__ = ['\"](.*)['\"]", _found(unpacked, "torch/version.py").read_text())
    (out / "torch").write_text(said[1] if said else "unknown")
    libraries = [_found(unpacked, f"torch/lib/{name}") for name in LIBRARIES]
    for library in libraries:
        shutil.copy(library, out)
    cuda = (_found(unpacked, "cuda_runtime_api.h").parent, _found(unpacked, "crt/host_defines.h").parents[1])
    include = [f"-I{folder}" for folder in (_found(unpacked, "torch/include"), *cuda)]
    runtime, asked = _runtime(out)
    answers, stubs, versions = out / "cudart.o", out / "stubs.c", out / "versions"
    _run("gcc -c -fPIC -O2 -Wall -Werror", *include, str(SOURCES / "cudart.c"), f"-o{answers}")
    answered = set(re.findall(r" T (\w+)", _run("nm", str(answers))))
    stubs.write_text(_stubs(sorted(asked - answered)))
    versions.write_text(f"{runtime} {{ global: *; }};\n")
    named = f"-Wl,-soname,{runtime},--version-script={versions}"
    _run("gcc -shared -fPIC -O2", named, str(answers), str(stubs), f"-o{out / runtime}")
    # Torch before 2.8 looks the driver up in a library that is loaded already.
    named = f"-Wl,-soname,{DRIVER},--no-as-needed,-rpath,$ORIGIN"
    _run("gcc -shared", named, str(out / runtime), f"-o{out / DRIVER}")
    called = out / "liboracle.so"
    _run(
        "g++ -std=c++20 -shared -fPIC -O2 -DPYTORCH_C10_DRIVER_API_SUPPORTED",
        "-Wl,--no-as-needed,-rpath,$ORIGIN",
        *include,
        str(SOURCES / "oracle.cpp"),
        *(str(out / name) for name in (*LIBRARIES, runtime, DRIVER)),
        f"-o{called}",
    )
    return called


def _runtime(out: Path) -> tuple[str, set[str]]:
    """The runtime's name that libc10_cuda asks for, the functions that it asks of it, and of the driver."""
    listed = _run("nm -D --undefined-only", str(out / "libc10_cuda.so"))
    found = re.findall(r"U (cuda\w+)@+(libcudart\.so\.[\d.]+)", listed)
    if not found:
        raise SystemExit(f"{out / 'libc10_cuda.so'} asks for no CUDA runtime")
    of_driver = re.findall(rb"(?<=\0)cu[A-Z]\w+(?=\0)", (out / "libc10_cuda.so").read_bytes())
    return found[0][1], {name for name, _ in found} | {name.decode() for name in of_driver}


def _stubs(names: Iterable[str]) -> str:
    """Functions that end the process: the allocator must not need them."""
    body = '{{ fputs("pretended CUDA: {0} was called\\n", stderr); abort(); }}'
    lines = [f"void {name}(void) {body.format(name)}" for name in names]
    return "\n".join(["#include <stdio.h>", "#include <stdlib.h>", *lines, ""])


def _unpacked(given: Path, into: Path) -> Path:
    """A folder with what is wanted of a wheel; folders are there already."""
    if given.is_dir():
        return given
    folder = into / given.stem
    if not folder.is_dir():
        with zipfile.ZipFile(given) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if WANTED.fullmatch(name)])
    return folder


def _found(folders: Iterable[Path], wanted: str) -> Path:
    for folder in folders:
        if (folder / wanted).exists():
            return folder / wanted
        for path in sorted(folder.glob(f"**/{wanted}")):
            return path
    raise SystemExit(f"{wanted} is in none of what was given: a CUDA build of torch, CUDA's headers")


def _run(command: str, *arguments: str) -> str:
    return subprocess.run(
        [*command.split(), *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
