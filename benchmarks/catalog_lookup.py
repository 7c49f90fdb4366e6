"""How long the catalog takes: first look-ups in a fresh interpreter, then repeated ones.

python benchmarks/catalog_lookup.py
"""

from __future__ import annotations

import subprocess
import sys
import timeit

COLD = """
import time
{imports}
start = time.perf_counter()
assert {call} is {found}
print((time.perf_counter() - start) * 1e3)
"""
MODELS = "from vramlint.catalog.models import Models"
GPUS = "from vramlint.catalog.gpus import find_gpu, find_instance"
CASES = {
    "a model": (MODELS, "Models().model('meta-llama/Llama-3.1-8B')", True),
    "the last model of the table": (MODELS, "Models().model('Zyphra/Zamba2-1.2B')", True),
    "a quantized re-upload by suffix": (MODELS, "Models().model('meta-llama/Llama-3.1-8B-AWQ')", True),
    "an unknown model": (MODELS, "Models().model('no/such')", False),
    "the nearest names": (MODELS, "Models().nearest('meta-lama/Llama-3.1-8b', 3)", True),
    "a gpu": (GPUS, "find_gpu('A100-80GB')", True),
    "a machine type": (GPUS, "find_instance('p4d.24xlarge')", True),
}
RUNS = 7


def cold(imports: str, call: str, exists: bool) -> float:
    """Milliseconds of one call in a new interpreter, the median of some."""
    code = COLD.format(imports=imports, call=f"bool({call})", found=exists)
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(RUNS)
    ]
    return sorted(times)[RUNS // 2]


def main() -> None:
    """Print the table."""
    from vramlint.catalog.gpus import find_gpu
    from vramlint.catalog.models import Models

    for title, case in CASES.items():
        print(f"cold  {title:34} {cold(*case):8.2f} ms")
    models = Models()
    warm = {
        "a model": lambda: models.model("meta-llama/Llama-3.1-8B"),
        "a gpu": lambda: find_gpu("A100-80GB"),
        "the nearest names": lambda: models.nearest("meta-lama/Llama-3.1-8b", 3),
    }
    for title, call in warm.items():
        call()
        print(f"warm  {title:34} {min(timeit.repeat(call, number=100, repeat=5)) * 10:8.4f} ms")


if __name__ == "__main__":
    main()
