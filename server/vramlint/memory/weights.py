"""Every weight of a model under one job: its dtype, whether it is trained, how it is stored, and the adapter
beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.job import Adapter, TrainingJob
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.memory.ledger import DTYPE_BYTES, Shape, rounded
from vramlint.memory.ops.adapters import RUNS, ia3_input
from vramlint.memory.ops.experts import StackedWeight
from vramlint.memory.ops.fused_lora import fused_lora
from vramlint.memory.ops.linear import Linear, LoraWeights
from vramlint.memory.ops.norm import Norm
from vramlint.memory.peft_conversion import converted_targets
from vramlint.memory.quantization import stored_bytes
from vramlint.memory.sharding.plan import Plan, expert_tensor_ranks
from vramlint.memory.targets import Targets, TrainedNames, layer_places
from vramlint.memory.tensors import Parameter
from vramlint.memory.versions import version_of
from vramlint.versions import older
from vramlint.vocabulary import ADAPTER_METHODS


@dataclass(slots=True)
class Group:
    """Weights that occur together `count` times: one layer of a kind, the embedding, the head."""

    name: str
    count: int = 1
    parameters: list[Parameter] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Name and role of its linear layers."""
    named: list[tuple[str, str]] = field(default_factory=list)
    """Name and role of its weights, where each is trained or not by its name."""
    reached: bool = True
    """False where no batch runs it, so that its weights are trained in name only and have no gradient."""


WHOLE_MODULES: dict[str, frozenset[str]] = {
    "embeddings": frozenset({"embed_tokens", "wte", "word_embeddings", "embed_in", "tok_embeddings"}),
    "head": frozenset({"lm_head", "embed_out", "output"}),
}
"""What families call their token embedding and their head, as modules_to_save names them."""


def _prepared(kbit_prep: str, role: str) -> bool:
    """Whether preparing a quantized model for training casts this unquantized weight to float32."""
    if kbit_prep == "fp32-norms":
        return role == "norms"
    if kbit_prep == "fp32-rest":
        return role not in ("norms", "embeddings", "head")
    return kbit_prep == "fp32-norms-embeddings-head"


class Weights:
    """Makes parameters as the job wants them, and remembers all of them by group."""

    def __init__(self, job: TrainingJob) -> None:
        self.job = job
        self.groups: list[Group] = []
        self.buffers = 0
        """Bytes of what a model registers beside its weights and never trains, if that is not
        negligible.
        """
        self.frozen_base = job.method not in ("full", "freeze")
        self.adapter = (job.adapter or Adapter()) if job.method in ADAPTER_METHODS else None
        self.converted = converted_targets(job)
        self._projections: tuple[Parameter, Parameter] | None = None
        self.wanted = Targets(job, self.adapter) if self.adapter is not None else None
        self.trained = TrainedNames(job.trainable_parameters) if job.trainable_parameters else None
        self._originals: dict[Parameter, Parameter] = {}
        self._places: tuple[str, ...] = ()
        self._layer: int | None = None
        self._asked: list[tuple[str, str]] = []

    def group(self, name: str, count: int = 1, layer: int | None = None) -> Group:
        """Begin a group; what is made from now on belongs to it. `layer`: the number of the first layer of
        those that it stands for.
        """
        made = Group(name, count)
        self.groups.append(made)
        self._places, self._layer = layer_places(self.job.model, name), layer
        self._asked = made.asked
        return made

    def trains(self, group: Group, layer: int) -> tuple[bool, ...]:
        """What is trained of layer number `layer`, where it is made as those of `group`: which linear layers
        get an adapter, or which weights are named. () where nothing tells such layers apart.
        """
        if self.trained is not None:
            return tuple(self.trained.match(name, role, self._places, layer) for name, role in group.named)
        if self.wanted is None or not self.wanted.by_layer:
            return ()
        return tuple(self.wanted.match(name, role, self._places, layer) for name, role in group.asked)

    def parameter(
        self, name: str, shape: Shape, role: str = "linear", scheme: str | None = None
    ) -> Parameter:
        """One base weight. `role`: "linear", "norms", "embeddings", "head" or "router" (see
        Precision.fp32_modules).
        """
        job, precision = self.job, self.job.precision
        trainable = not self.frozen_base and self._in_trained_part()
        if job.method == "layernorm":
            trainable = role == "norms"
        elif self.trained is not None:
            self.groups[-1].named.append((name, role))
            trainable = self.trained.match(name, role, self._places, self._layer)
        dtype: str = precision.weights
        if role in precision.fp32_modules:
            dtype = "float32"
        if trainable and precision.trainable != "same-as-weights":
            dtype = precision.trainable
        quantization = job.quantization
        if scheme is None and quantization is not None and _prepared(quantization.kbit_prep, role):
            dtype = "float32"
        if self.saved_whole(name, role):
            frozen = self._add(name, shape, dtype, False, scheme)
            trained = self._add(f"{name}, trained copy", shape, dtype, True)
            self._originals[trained] = frozen
            return trained
        return self._add(name, shape, dtype, trainable, scheme)

    def saved_whole(self, name: str, role: str) -> bool:
        """Whether PEFT trains a copy of this weight's whole module beside the frozen one (0.21.2,
        utils/other.py, ModulesToSaveWrapper).
        """
        if self.adapter is None or not self.adapter.modules_to_save:
            return False
        module = name.rpartition(".")[0]
        return any(
            module == wanted or module.endswith(f".{wanted}") or wanted in WHOLE_MODULES.get(role, ())
            for wanted in self.adapter.modules_to_save
        )

    def tied_head(self, table: Parameter) -> Linear:
        """A head that shares the embedding's table: the table as it was loaded, or PEFT's own copy of it
        (0.21.2, tuners/tuners_utils.py, _check_tied_modules warns of both).
        """
        loaded = self._originals.get(table, table)
        if self.saved_whole("lm_head.weight", "head"):
            return Linear(self._add("lm_head.weight, trained copy", loaded.shape, loaded.stored, True))
        return Linear(loaded)

    def _add(
        self, name: str, shape: Shape, dtype: str, trainable: bool, scheme: str | None = None
    ) -> Parameter:
        """A parameter of the current group; under FSDP's mixed precision it is seen in another dtype than it
        is stored in.
        """
        parallel = self.job.parallel
        seen = (
            parallel.param_dtype
            if parallel.strategy.startswith("fsdp") and parallel.param_dtype != "none"
            else dtype
        )
        made = Parameter(name, shape, seen, trainable, scheme, dtype)
        self.groups[-1].parameters.append(made)
        return made

    def linear(
        self,
        name: str,
        out_features: int,
        in_features: int,
        bias: bool = False,
        quantizable: bool = True,
        role: str = "linear",
    ) -> Linear:
        """A linear layer [out, in], quantized where the job says so, with an adapter where it is a target."""
        job = self.job
        scheme = (
            job.quantization.compute
            if job.quantization is not None and quantizable and role == "linear"
            else None
        )
        layer = Linear(self.parameter(f"{name}.weight", (out_features, in_features), role, scheme))
        layer.eight_bit = scheme is not None and self.eight_bit
        if bias:
            layer.bias = self.parameter(f"{name}.bias", (out_features,), role)
        if self.adapter is not None and self.targets(name, role):
            layer.lora = self._lora(name, layer, out_features, in_features)
        return layer

    def stacked(
        self, name: str, shape: tuple[int, int, int], modules: tuple[str, ...], bias: bool = False
    ) -> StackedWeight:
        """One projection of all experts as a single parameter [experts, out, in].

        bitsandbytes quantizes linear layers, which experts were before transformers 5; checkpoints that
        were quantized before stay so.

        `modules` are the names of the linear layers it was before transformers 5: a LoRA on those goes on
        the parameter, with their ranks added up (peft 0.21.2, utils/transformers_weight_conversion.py).
        """
        experts, out_features, in_features = shape
        spread = min(experts, self.job.parallel.expert)
        experts = -(-experts // spread)
        layer = StackedWeight(
            self.parameter(name, (experts, out_features, in_features), scheme=self._experts_scheme())
        )
        layer.weight.spread = spread * expert_tensor_ranks(self.job) / self.job.parallel.tensor
        if layer.weight.scheme is not None and self._unpacks_experts:
            layer.unpacked = "float32" if self.eight_bit else layer.weight.dtype
        if bias:
            layer.bias = self.parameter(f"{name}_bias", (experts, out_features))
        named = self.wanted is not None and self.wanted.match_parameter(name, self._places, self._layer)
        moved = self.converted and any(self._wanted(f"{name}.{module}", "linear") for module in modules)
        if self.adapter is not None and named and self.job.runtime == "megatron":
            self._beside(name, layer, self.adapter)
        elif self.adapter is not None and (moved or named):
            rank = self.adapter.r * (max(1, len(modules)) if moved else 1)
            dtype = layer.dtype if self.adapter.dtype == "same-as-base" else self.adapter.dtype
            first = self._add(f"{name}.lora_A.weight", (rank * experts, in_features), dtype, True)
            second = self._add(f"{name}.lora_B.weight", (out_features, rank * experts), dtype, True)
            layer.lora = LoraWeights(first, second, 0.0)
        return layer

    def _beside(self, name: str, layer: StackedWeight, adapter: Adapter) -> None:
        """An adapter of its own for each expert that the rank holds, spread as the experts are."""
        experts, out_features, in_features = layer.weight.shape
        dtype = layer.dtype if adapter.dtype == "same-as-base" else adapter.dtype
        first = self._add(f"{name}.lora_A.weight", (experts, adapter.r, in_features), dtype, True)
        second = self._add(f"{name}.lora_B.weight", (experts, out_features, adapter.r), dtype, True)
        first.spread = second.spread = layer.weight.spread
        layer.lora, layer.beside = LoraWeights(first, second, adapter.dropout), True

    def router(self, name: str, experts: int, hidden: int, bias: bool = False) -> Linear:
        """A mixture's router, which PEFT adapts as a parameter where it is named "gate" among the targets;
        the update is as small as the router.
        """
        layer = Linear(self.parameter(f"{name}.weight", (experts, hidden), "router"))
        if bias:
            layer.bias = self.parameter(f"{name}.bias", (experts,), "router")
        if self.adapter is not None and "gate" in self.converted and self._wanted("mlp.gate", "linear"):
            self._add(f"{name}.lora_A.weight", (self.adapter.r, hidden), "float32", True)
            self._add(f"{name}.lora_B.weight", (experts, self.adapter.r), "float32", True)
        return layer

    def embedding_adapter(self, name: str, rows: int, width: int) -> tuple[Parameter, Parameter] | None:
        """LoRA on the token embedding, where it is named among the targets: [rows, r] and [width, r]."""
        adapter = self.adapter
        if adapter is None or isinstance(adapter.targets, str) or self.job.method not in ("lora", "qlora"):
            return None
        if not WHOLE_MODULES["embeddings"] & set(adapter.targets):
            return None
        dtype = self.job.precision.weights if adapter.dtype == "same-as-base" else adapter.dtype
        return (
            self._add(f"{name}.lora_embedding_A", (rows, adapter.r), dtype, True),
            self._add(f"{name}.lora_embedding_B", (width, adapter.r), dtype, True),
        )

    def norm(self, name: str, size: int, kind: str = "rms", bias: bool = False) -> Norm:
        """A norm with its weight and, where the kind has one, its bias."""
        weight = self.parameter(f"{name}.weight", (size,), "norms")
        return Norm(weight, self.parameter(f"{name}.bias", (size,), "norms") if bias else None, kind)

    def targets(self, name: str, role: str) -> bool:
        """Whether the adapter goes on the linear layer `name` (PEFT: by suffix, by full match of an
        expression, or on all but the head).
        """
        if self.adapter is None:
            return False
        return name.rpartition(".")[2] not in self.converted and self._wanted(name, role)

    def _wanted(self, name: str, role: str) -> bool:
        assert self.wanted is not None
        self._asked.append((name, role))
        return self.wanted.match(name, role, self._places, self._layer)

    def all(self) -> Iterator[tuple[Parameter, int]]:
        """Every distinct parameter with the number of its occurrences."""
        for group in self.groups:
            for parameter in group.parameters:
                yield parameter, group.count

    def updated(self) -> list[tuple[Parameter, int]]:
        """Those that have gradients, which alone are stepped over."""
        return [
            (parameter, group.count)
            for group in self.groups
            if group.reached
            for parameter in group.parameters
            if parameter.trainable
        ]

    def resize(self, scale: float, whole: int) -> None:
        """Make the base `scale` times as large, by the rows of its matrices, and the whole model `whole`
        parameters large to the last one. An adapter keeps its size.
        """
        base = [
            (parameter, count)
            for parameter, count in self.all()
            if not (self.adapter is not None and parameter.trainable)
        ]
        before = sum(count * parameter.numel for parameter, count in base)
        wanted = whole if abs(before * scale - whole) < 1e-6 * whole else round(before * scale)
        for parameter, _ in base:
            rows, *others = parameter.shape
            if others and rows * scale >= ROWS:
                parameter.shape = (int(rows * scale / ROWS) * ROWS, *others)
            elif not others and self.job.method != "layernorm":
                parameter.shape = (0,)
        rest = wanted - sum(count * parameter.numel for parameter, count in base)
        self.group("what rounding leaves")
        self.parameter("weights", (max(0, rest),))

    def stored_bytes(self, plan: Plan, only_buffers: bool = False) -> int:
        """Bytes of all weights as they lie on this rank, each tensor rounded up by the allocator;
        `only_buffers`: of what is no parameter.
        """
        quantization = self.job.quantization
        total = self.buffers
        for parameter, count in self.all():
            if only_buffers and not plan.is_buffer(parameter):
                continue
            held = plan.weight_elements(parameter)
            if parameter.scheme is not None and quantization is not None:
                total += count * stored_bytes(held, parameter.shape, quantization)
            else:
                total += count * rounded(held * DTYPE_BYTES[parameter.stored])
        return total

    def _experts_scheme(self) -> str | None:
        quantization = self.job.quantization
        if quantization is None:
            return None
        linear_layers = older(version_of("transformers", self.job), "5")
        made_by_bitsandbytes = quantization.scheme.startswith("bnb-")
        packed = linear_layers or not made_by_bitsandbytes or quantization.experts != "auto"
        return quantization.compute if packed else None

    @property
    def eight_bit(self) -> bool:
        """Whether quantized linear layers are LLM.int8's."""
        return self.job.quantization is not None and self.job.quantization.scheme == "bnb-int8"

    @property
    def _unpacks_experts(self) -> bool:
        quantization = self.job.quantization
        return quantization is not None and quantization.experts == "unpacked-whole"

    def _in_trained_part(self) -> bool:
        return self.job.method != "freeze" or self.groups[-1].name.startswith("trained ")

    def _lora(self, name: str, layer: Linear, out_features: int, in_features: int) -> LoraWeights:
        adapter = self.adapter
        assert adapter is not None
        dtype: str = adapter.dtype
        if dtype == "same-as-base":
            dtype = (
                self.job.quantization.compute
                if layer.weight.scheme is not None and self.job.quantization
                else layer.weight.dtype
            )
        quantized, method = layer.weight.scheme is not None, self.job.method

        def trained(part: str, *shape: int) -> Parameter:
            return self._add(f"{name}.{part}", shape, dtype, True)

        r, run = adapter.r, RUNS.get(method)
        if method == "ia3":
            feeds = name.rpartition(".")[2] in FEED_FORWARD_OUTPUTS
            scale = trained("ia3_l", in_features if feeds else out_features)
            return LoraWeights(scale, scale, 0.0, quantized, run=run, before=ia3_input if feeds else None)
        if method == "vera":
            first, second = self._shared_projections(r, out_features, in_features)
            vectors = trained("vera_lambda_d", r), trained("vera_lambda_b", out_features)
            return LoraWeights(first, second, adapter.dropout, quantized, more=vectors, run=run)
        if method == "loha":
            one = trained("hada_w1_a", out_features, r), trained("hada_w1_b", r, in_features)
            two = trained("hada_w2_a", out_features, r), trained("hada_w2_b", r, in_features)
            return LoraWeights(*one, 0.0, quantized, more=two, hadamard=True, run=run)
        if method == "lokr":
            (rows, inner_rows), (columns, inner_columns) = factors(out_features), factors(in_features)
            left = trained("lokr_w1", rows, columns)
            if r < max(inner_rows, inner_columns) / 2:
                right = trained("lokr_w2_a", inner_rows, r), trained("lokr_w2_b", r, inner_columns)
                return LoraWeights(left, right[0], 0.0, quantized, more=right[1:], run=run)
            return LoraWeights(left, trained("lokr_w2", inner_rows, inner_columns), 0.0, quantized, run=run)
        first, second = trained("lora_A.weight", r, in_features), trained("lora_B.weight", out_features, r)
        made = LoraWeights(
            first, second, adapter.dropout, quantized, not layer.eight_bit, adapter.fused_kernels
        )
        if made.fused:
            made.whole = fused_lora
        if method == "dora":
            made.more, made.run = (trained("lora_magnitude_vector.weight", out_features),), run
        return made

    def _shared_projections(self, r: int, out_features: int, in_features: int) -> tuple[Parameter, Parameter]:
        """VeRA's two frozen matrices, as large as the largest of its layers, once in the model."""
        if self._projections is None:
            self._projections = (
                Parameter("vera_A", (r, in_features), "float32", False),
                Parameter("vera_B", (out_features, r), "float32", False),
            )
            self.groups[0].parameters += self._projections
        first, second = self._projections
        first.shape = (r, max(first.shape[1], in_features))
        second.shape = (max(second.shape[0], out_features), r)
        return self._projections


ROWS = 256
"""Matrices of a resized model have a multiple of so many rows and its vectors are one tensor, so that nothing
is rounded up.
"""
FEED_FORWARD_OUTPUTS = frozenset({"down_proj", "fc2", "dense_4h_to_h", "w2", "c_proj", "wo", "fc_out"})
"""Layers whose input IA3 scales instead of their output (peft's feedforward_modules)."""


def factors(size: int) -> tuple[int, int]:
    """The two factors of `size` that are closest to each other (peft 0.21.2, tuners/lokr/layer.py,
    factorization).
    """
    small = next(number for number in range(int(size**0.5), 0, -1) if size % number == 0)
    return small, size // small
