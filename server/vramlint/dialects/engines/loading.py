"""Where a front end on transformers reads the released weights before its engine shards them.

bitsandbytes quantizes on the GPU, and transformers gives a quantized model without a device map to it whole
(quantizers/quantizer_bnb_4bit.py, update_device_map). Until 4.57 each weight then went back to the host under
FSDP's efficient loading and ZeRO-3 (modeling_utils.py, _load_state_dict_into_meta_model); 5.0 leaves it there
(core_model_loading.py). DeepSpeed moves a model that was not read in shards to the GPU whole
(0.19.8, runtime/engine.py, _configure_distributed_model), and never reads a quantized one in shards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.engines.distribution import ParallelPlan
from vramlint.dialects.kit.dialect import Key, SetKey
from vramlint.dialects.kit.edits import spelling
from vramlint.dialects.kit.reader import Reader, split
from vramlint.job import Quantization, TrainingJob
from vramlint.vocabulary import Loading

EFFICIENT_LOADING = Key(
    "fsdp_config.cpu_ram_efficient_loading",
    "loading",
    "true: one rank of a node reads the weights and sends them out one by one. false: every rank reads the "
    "whole model, a quantized one on its GPU.",
    False,
    (True, False),
)


def loading_of(
    reader: Reader,
    engine: ParallelPlan,
    quantization: Quantization | None,
    *,
    to_gpu: bool = False,
    own_map: bool = False,
) -> Loading:
    """Where the weights are read under `engine`.

    `to_gpu`: the front end moves a model to the GPU that every rank read for itself. `own_map`: it maps what
    the first rank reads to the host, quantized or not.
    """
    if engine.parallel.strategy == "zero3":
        return "device" if quantization is not None else engine.loading
    if engine.loading == "host":
        return "device" if quantization is not None or to_gpu else "host"
    stays = quantization is not None and reader.runs("transformers", "5") and not own_map
    return "device" if engine.loading == "rank-0" and stays else engine.loading


def efficient_edit(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    """Switches efficient loading on, where the file itself has FSDP's options and nothing is quantized."""
    if (
        value != "rank-0"
        or job.quantization is not None
        or not isinstance(values.get("fsdp_config"), Mapping)
    ):
        return None
    path = spelling(values, EFFICIENT_LOADING.path, "fsdp_config.fsdp_cpu_ram_efficient_loading")
    return (SetKey(split(path), True),)
