"""Adapters on experts: what PEFT makes of targets that were linear layers before transformers 5.

A LoRA on a projection that has become part of one parameter for all experts goes on that parameter, with the
ranks of the merged projections added up, and
no longer on linear layers of the same name: shared experts and dense layers lose theirs (peft 0.21.2,
utils/transformers_weight_conversion.py,
_convert_peft_config_moe; transformers 5.23, conversion_mapping.py, _MODEL_TO_CONVERSION_PATTERN).
"""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.job import TrainingJob
from vramlint.memory.versions import version_of
from vramlint.versions import older

MIXTRAL = frozenset({"w1", "w2", "w3", "gate"})
QWEN = frozenset({"gate_proj", "up_proj", "down_proj", "gate"})
CONVERTED: Mapping[str, frozenset[str]] = {
    "mixtral": MIXTRAL,
    "minimax": MIXTRAL,
    "minimax_m2": MIXTRAL,
    **dict.fromkeys(
        (
            "afmoe",
            "cohere2_moe",
            "deepseek_v2",
            "deepseek_v3",
            "deepseek_v32",
            "dots1",
            "ernie4_5_moe",
            "exaone_moe",
            "flex_olmo",
            "glm4_moe",
            "glm4_moe_lite",
            "glm4v_moe",
            "glm_moe_dsa",
            "hunyuan_v1_moe",
            "longcat_flash",
            "mellum",
            "olmoe",
            "qwen3_moe",
            "qwen3_next",
            "qwen3_omni_moe",
            "solar_open",
        ),
        QWEN,
    ),
}
"""Model type → names of modules whose adapters move."""


def converted_targets(job: TrainingJob) -> frozenset[str]:
    """Targets of this job that go on experts' parameters and routers instead of on linear layers."""
    if job.method not in ("lora", "qlora", "dora") or job.runtime != "transformers":
        return frozenset()
    if older(version_of("transformers", job), "5"):
        return frozenset()
    return CONVERTED.get(job.model.model_type, frozenset())
