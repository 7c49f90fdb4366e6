"""The GPU that a notebook's host or a program's decorator asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vramlint.dialects.scripting.sagemaker import instance_of, is_estimator
from vramlint.document.python.values import Known, Made

_HOSTED = re.compile(r'(?<!\\)"(?:gpuType"\s*:\s*"|accelerator"\s*:\s*"nvidia)([A-Za-z][\w-]*)"')
"""The metadata that Colab (`colab.gpuType`) and Kaggle (`kaggle.accelerator`) write into a notebook."""


def hosted_gpu(text: str) -> str | None:
    """The GPU in the metadata of a notebook's JSON."""
    found = _HOSTED.search(text)
    return found[1].removeprefix("Tesla") if found else None


def asked_gpu(made: Sequence[Made]) -> str | None:
    """The GPU that Modal's decorators ask for (`@app.function(gpu="A100-80GB")`), or SageMaker's estimators
    by their instances, where they agree.
    """
    rented = {found[0] for each in made if is_estimator(each) and (found := instance_of(each)) is not None}
    asked = rented | {
        gpu.value.partition(":")[0]
        for each in made
        if each.name.startswith("modal.") and each.kind in ("function", "cls")
        if isinstance(gpu := each.argument("gpu"), Known) and isinstance(gpu.value, str)
    }
    return asked.pop() if len(asked) == 1 else None
