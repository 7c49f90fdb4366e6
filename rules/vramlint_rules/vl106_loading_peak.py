"""VL106."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint_rules._fixes import checked
from vramlint_rules._moments import MomentRule


class LoadingPeak(MomentRule):
    """Every GPU gets the whole model before it is sharded: the run fails while loading.

    ## What it finds

    A sharded run whose loading is the worst moment, a tenth or more above the training step, where the step
    alone fits the declared GPU, or none is declared.

    ## Why it matters

    FSDP and ZeRO-3 divide the weights by the GPUs, but what is read before they do is not divided.
    bitsandbytes quantizes on the GPU, so with transformers 5 each rank holds a quantized model whole until it
    is sharded. In the example 70 billion parameters, in 4 bits except for embedding and head, are 42.3 GiB on
    each of eight GPUs, and the step needs 12.8.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-4090 x8
    vramlint: 1
    model: meta-llama/Llama-3.3-70B-Instruct
    method: qlora
    adapter: {r: 16}
    sequence_length: 1024
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 8}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-4090 x8
    vramlint: 1
    model: meta-llama/Llama-3.3-70B-Instruct
    method: qlora
    adapter: {r: 16}
    sequence_length: 1024
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 8}
    loading: rank-0
    ```

    ## Fixes

    One rank of a node reads and sends the weights, where the file can say so. The training is the same.
    """

    code = "VL106"
    name = "loading-peak"
    severity = "information"
    summary = "loading needs more memory than the training step"
    moment = "load"
    fails = "while loading the model, before the first step"
    advice = "the model must fit a GPU whole before it is sharded"

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Read by one rank."""
        return checked(context, {"loading": "rank-0"}, "let one rank read the weights", safe=True)
