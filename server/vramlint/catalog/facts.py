"""Facts about models and GPUs, whatever place they were read from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.lazy_dataclasses import dataclass, field

GIB = 2**30
MIB = 2**20


BY_PATH = "catalog (the path is named like"
"""How the source of a model begins that only the end of a path names."""


@dataclass(frozen=True, slots=True)
class LinearModule:
    """One kind of linear layer of a model: all modules that share a name and a shape."""

    name: str
    in_features: int
    out_features: int
    count: int
    bias: bool = False
    part: str = "main"


@dataclass(frozen=True, slots=True)
class Model:
    """The shape of a model.

    `config` holds config.json's own keys, those that fix tensor shapes. A catalogued one also has the shapes
    that the release left to the defaults of its class; one from elsewhere has what its file says.
    `parameters` counts each shared tensor once; None where nobody counted. `source` says where the facts are
    from: "catalog", "catalog (…)" for a copy, "config.json", "hub cache", "the file itself".
    """

    name: str
    model_type: str
    config: Mapping[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    breakdown: Mapping[str, int] = field(default_factory=dict)
    linear_modules: tuple[LinearModule, ...] = ()
    dtype: str | None = None
    """Dtype of the released weights."""
    quantized_as: str | None = None
    """Scheme of a re-upload stored quantized: "bnb-nf4", "gptq-int4" … (see `job.Quantization.scheme`)."""
    kind: str = "decoder"
    title: str | None = None
    source: str = "catalog"
    spread: float = 0.0
    """Where the model is assumed from its name: how far, as a share of its parameters, the models that the
    name can mean may be from it.
    """
    alike: tuple[Model, ...] = ()
    """Where nothing but the count is known: the catalog's models of that size."""
    scale: float = 1.0
    """Where `config` is that of another model of about this size: `parameters` over its parameters."""

    @property
    def texts(self) -> tuple[Mapping[str, Any], ...]:
        """Where the shape of the text model may be said: config.json, and a section of its own in it."""
        inner = self.config.get("text_config")
        return (self.config, inner) if isinstance(inner, Mapping) else (self.config,)

    @property
    def attends_linearly(self) -> bool:
        """Whether some of its layers run the gated delta rule in place of attention."""
        return any("linear_num_value_heads" in part for part in self.texts)

    @property
    def reads_images(self) -> bool:
        """Whether it has a tower for images."""
        return self.kind == "vision-language" or "vision_config" in self.config


@dataclass(frozen=True, slots=True)
class Gpu:
    """One accelerator.

    `memory_bytes` is what the vendor's tool prints; `usable_bytes` what PyTorch can really have.
    """

    name: str
    memory_bytes: int
    usable_bytes: int
    vendor: str = "nvidia"
    architecture: str | None = None
    compute_capability: str | None = None
    supports: Mapping[str, bool] = field(default_factory=dict)
    year: int | None = None
    confidence: str | None = None

    @property
    def generation(self) -> int | None:
        """The major compute capability of NVIDIA's GPUs: 8 of Ampere and Ada, 9 of Hopper; None of others."""
        major = (self.compute_capability or "").partition(".")[0]
        return int(major) if self.vendor == "nvidia" and major.isdigit() else None

    @property
    def worth_proposing(self) -> bool:
        """Whether runs of today can move to it: it has bfloat16 units, which nearly every run uses, and is in
        no laptop or embedded board.
        """
        return (
            self.supports.get("bf16") is True
            and not self.name.startswith("Jetson")
            and "Laptop" not in self.name
        )
