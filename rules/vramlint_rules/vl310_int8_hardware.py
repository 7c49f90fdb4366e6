"""VL310."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.catalog.facts import Gpu
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gpu_name, key_text
from vramlint.lint.rule import Rule

_TURING = 7.5


class Int8Hardware(Rule):
    """An 8-bit base on a GPU without 8-bit matrix units.

    ## What it finds

    A key that loads the base in 8 bits with bitsandbytes where the declared GPU is NVIDIA's and has no matrix
    units for 8-bit integers: before Turing, compute capability 7.5.

    ## Why it matters

    LLM.int8() multiplies 8-bit integers (bitsandbytes 0.50, cuda_specs.py, `has_imma`: 7.5 or newer). 4-bit
    weights are unpacked to 16 bits before they are multiplied, which every GPU can do, and take half the
    memory: 0.5 bytes a weight instead of 1.

    ## Example

    ```yaml
    # vramlint: gpu=V100-32GB
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: lora
    adapter: {r: 16}
    quantization: {scheme: bnb-int8, compute: float16}
    precision: {weights: float16}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=V100-32GB
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: qlora
    adapter: {r: 16}
    quantization: {scheme: bnb-nf4, compute: float16}
    precision: {weights: float16}
    ```
    """

    code = "VL310"
    name = "int8-hardware"
    severity = "warning"
    summary = "the GPU has no 8-bit integer units"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Only where the file itself asks for it."""
        job, gpu, key = context.job, context.gpu, context.key("quantization.scheme")
        if job is None or gpu is None or key is None or job.quantization is None:
            return
        if job.quantization.scheme == "bnb-int8" and _older_than_turing(gpu):
            yield self.finding(
                f"`{key_text(key)}` multiplies 8-bit integers, which needs Turing or newer, and "
                f"{gpu_name(gpu)} is {gpu.architecture}: load it in 4 bits",
                key,
            )


def _older_than_turing(gpu: Gpu) -> bool:
    return gpu.generation is not None and float(gpu.compute_capability or 0) < _TURING
