"""Which modules an adapter goes on, as PEFT matches their names (peft 0.21.2, tuners/tuners_utils.py,
check_target_module_exists and _inject_parameters).

A list matches by the end of a module's full name, an expression the whole of it, as in
`model.layers.0.self_attn.q_proj`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vramlint.catalog.facts import Model
from vramlint.job import Adapter, TrainingJob
from vramlint.vocabulary import Runtime

MLP_LINEARS = frozenset(
    {
        *("gate_proj", "up_proj", "down_proj", "gate_up_proj", "fc1", "fc2", "c_fc", "c_proj"),
        *("dense_h_to_4h", "dense_4h_to_h", "w1", "w2", "w3"),
    }
)
OTHER_NAMES: Mapping[Runtime, Mapping[str, frozenset[str]]] = {
    "litgpt": {
        "q": frozenset({"q_proj", "qkv_proj", "query_key_value"}),
        "k": frozenset({"k_proj", "qkv_proj", "query_key_value"}),
        "v": frozenset({"v_proj", "qkv_proj", "query_key_value"}),
        "o": frozenset({"o_proj", "dense", "out_proj"}),
        "mlp": MLP_LINEARS,
        "head": frozenset({"lm_head", "embed_out"}),
    },
    "torchtune": {
        "output_proj": frozenset({"o_proj"}),
        "w1": frozenset({"gate_proj"}),
        "w2": frozenset({"down_proj"}),
        "w3": frozenset({"up_proj"}),
    },
    "megatron": {
        "linear_qkv": frozenset({"q_proj", "k_proj", "v_proj"}),
        "linear_proj": frozenset({"o_proj"}),
        "linear_fc1": frozenset({"gate_proj", "up_proj"}),
        "linear_fc2": frozenset({"down_proj"}),
    },
}
"""What LitGPT's flags and the modules of torchtune and Megatron are called in transformers' models."""

LAYERS_AT: Mapping[str, str] = {
    **dict.fromkeys(
        ("gpt2", "gptj", "gpt_bigcode", "bloom", "falcon", "codegen", "gpt_neo"), "transformer.h"
    ),
    "gpt_neox": "gpt_neox.layers",
    "mpt": "transformer.blocks",
    "opt": "model.decoder.layers",
    **{kind: f"{kind}.encoder.layer" for kind in ("bert", "roberta", "electra")},
    "xlm-roberta": "roberta.encoder.layer",
    "deberta-v2": "deberta.encoder.layer",
    "distilbert": "distilbert.transformer.layer",
}
"""Where a family's layers are, which is `model.layers` else (transformers 5.24, models/*/modeling_*.py)."""
BESIDE_IMAGES = ("model.language_model.layers", "language_model.model.layers", "model.text_model.layers")
"""Where a decoder's layers are in a model that takes images: since transformers 4.52, before, in SmolVLM."""
TOWERS = (
    *("model.vision_tower.encoder.layers", "model.vision_tower.vision_model.encoder.layers"),
    *("model.vision_tower.transformer.layers", "model.vision_model.encoder.layers"),
    *("model.visual.blocks", "visual.blocks"),
)
"""Where the layers of an image tower may be."""
INSIDE = ("self_attn.", "mlp.", "attn.", "linear_attn.", "attention.", "mlp.shared_expert.", "")
"""Where a layer may have a linear layer of which only the last name is known."""


def layer_places(model: Model, part: str = "layer") -> tuple[str, ...]:
    """Names that the list of layers may have in the model, releases and classes of one family together."""
    if part == "vision layer":
        return TOWERS
    if "vision_config" in model.config:
        return (*BESIDE_IMAGES, "model.layers")
    return (LAYERS_AT.get(model.model_type, "model.layers"),)


class Targets:
    """The modules that the adapter of a job goes on."""

    def __init__(self, job: TrainingJob, adapter: Adapter) -> None:
        self.runtime, self.adapter, wanted = job.runtime, adapter, adapter.targets
        self.names = () if isinstance(wanted, str) else wanted
        expression = isinstance(wanted, str) and wanted != "all-linear"
        self.pattern = _compiled(str(wanted)) if expression else None
        numbered = any(re.search(r"\.\d+\.", name) for name in self.names)
        self.by_layer = expression or numbered or bool(adapter.layers)
        """Whether layers of one kind may differ in what is adapted."""
        self.saved = [re.compile(rf"(^|.*\.){re.escape(name)}($|\..*)") for name in adapter.modules_to_save]

    def match(self, name: str, role: str, places: tuple[str, ...], layer: int | None) -> bool:
        """Whether the adapter goes on the linear layer `name` of layer number `layer` (None: outside of
        layers), whose list of layers has one of the names `places`.
        """
        if any(pattern.match(name) for pattern in self.saved):
            return False
        if self.adapter.targets == "all-linear":
            return role not in ("head", "router")
        keys = full_names(name, places, layer)
        if self.pattern is not None:
            return role != "router" and any(self.pattern.fullmatch(key) for key in keys)
        if self.adapter.layers and layer not in self.adapter.layers:
            return False
        last = name.rpartition(".")[2]
        return any(
            key == target or key.endswith("." + target) for target in self.names for key in keys
        ) or any(last in also_called(target, self.runtime) for target in self.names)

    def match_parameter(self, name: str, places: tuple[str, ...], layer: int | None) -> bool:
        """Whether the parameter `name` is among the targeted parameters; a list of modules may name it too,
        as a layer has it.
        """
        keys = full_names(name, places, layer)
        return name in self.names or any(
            key == target or key.endswith("." + target)
            for target in self.adapter.target_parameters
            for key in keys
        )


class TrainedNames:
    """The weights that expressions name as trained; each matches from the beginning of a full name."""

    def __init__(self, expressions: Sequence[str]) -> None:
        self.patterns = [_compiled(expression) for expression in expressions]

    def match(self, name: str, role: str, places: tuple[str, ...], layer: int | None) -> bool:
        """Whether the weight `name` of layer number `layer`, or outside of layers, is named."""
        keys = full_names(name, places, layer)
        if layer is None and role != "head":
            keys += [f"{place.rpartition('.')[0]}.{name}" for place in places]
        return any(pattern.match(key) for pattern in self.patterns for key in keys)


def full_names(name: str, places: tuple[str, ...], layer: int | None) -> list[str]:
    """The names that a module may have in the whole model."""
    if layer is None:
        return [name]
    inner = name.removeprefix("vision.")
    inside = ("",) if "." in inner else INSIDE
    return [f"{place}.{layer}.{middle}{inner}" for place in places for middle in inside]


def also_called(target: str, runtime: Runtime) -> frozenset[str]:
    """Names in transformers' models of a target that another framework names; a remark after the name is
    dropped.
    """
    return OTHER_NAMES.get(runtime, {}).get(target.partition(" ")[0], frozenset())


def _compiled(expression: str) -> re.Pattern[str]:
    """A target expression, or one that matches nothing where it does not compile."""
    try:
        return re.compile(expression)
    except re.error:
        return re.compile(r"(?!)")
