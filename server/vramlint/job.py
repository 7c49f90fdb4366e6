"""TrainingJob: the neutral description of one training run.

Its fields are named as in the job dialect (docs/job-file.md), so that "adapter.r" is at once a key of a
job file, the path of an attribute here, and the name under which `origins` says where the value came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from vramlint.catalog.facts import Gpu, Model
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.vocabulary import (
    IN_BUFFERS,
    AdapterDtype,
    Attention,
    Autocast,
    Away,
    Checkpointing,
    Dtype,
    Fp8,
    GenerationEngine,
    Images,
    KbitPrep,
    LigerKernel,
    LinearAttention,
    Loading,
    Loop,
    Loss,
    Method,
    Objective,
    Prefetch,
    Reference,
    Runtime,
    Saving,
    Schedule,
    Scheme,
    Sleep,
    SparseAttention,
    Strategy,
)

KeyPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """The value is written in a file. `document` is None for the file that is analysed, else the path of a
    companion.
    """

    key: KeyPath
    document: str | None = None


@dataclass(frozen=True, slots=True)
class FrameworkDefault:
    """The file is silent; this is what the framework does then. `version` is the release that this was read
    from; empty where another one runs.
    """

    framework: str
    version: str
    note: str = ""

    def __str__(self) -> str:
        """Read as in "default of axolotl 0.19"."""
        release = f" {self.version}" if self.version else ""
        return f"default of {self.framework}{release}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True, slots=True)
class Assumed:
    """An assumption of ours, with the reason."""

    reason: str

    def __str__(self) -> str:
        """Read as a sentence."""
        return self.reason


@dataclass(frozen=True, slots=True)
class Open(Assumed):
    """A deciding value that the file leaves to be given when the run starts. With the one taken a size is
    estimated, and no verdict is given on it. `bound`: "at least" where it is the least that can be given.
    """

    bound: Literal["at least", "about"] = "about"


Origin: TypeAlias = Written | FrameworkDefault | Assumed


@dataclass(frozen=True, slots=True)
class Adapter:
    """Low-rank and other adapters. `targets`: "all-linear", names of modules, or one regular expression as
    PEFT reads it.
    """

    r: int = 8
    alpha: float = 16
    dropout: float = 0.0
    targets: str | tuple[str, ...] = "all-linear"
    dtype: AdapterDtype = "float32"
    target_parameters: tuple[str, ...] = ()
    """Names of parameters that get an adapter of their own, as experts held in one parameter do."""
    layers: tuple[int, ...] = ()
    """Numbers of the layers that get an adapter; empty for all."""
    modules_to_save: tuple[str, ...] = ()
    fused_kernels: bool = False
    """True where the framework runs its own fused LoRA kernels (Unsloth's, Axolotl's lora_*_kernel), which
    save fewer activations.
    """


@dataclass(frozen=True, slots=True)
class Quantization:
    """How the frozen base is stored."""

    scheme: Scheme | str = "bnb-nf4"
    """Of a released checkpoint also a word that has no formula."""
    double_quant: bool = True
    compute: Dtype = "bfloat16"
    kbit_prep: KbitPrep = "none"
    """What PEFT's prepare_model_for_kbit_training leaves in float32 of all that is not quantized. Who casts
    back what is named so leaves "fp32-norms" (embeddings and head) or "fp32-rest" (norms too): Axolotl.
    """
    experts: Literal["auto", "packed", "unpacked-whole"] = "auto"
    """Experts held in one parameter a projection. "auto": packed where they are linear layers or came
    packed; "packed": always; "unpacked-whole": packed too, and unpacked all at once while they run.
    """
    packed: Literal["parameters", "buffers"] = "parameters"
    """What packed weights are to an engine: parameters that it shares out and offloads, or buffers, which it
    leaves as they are (so FSDP2 treats bitsandbytes' integers too).
    """


def released_quantized(scheme: str) -> Quantization:
    """The weights of a model that was released quantized, as transformers' loaders hold them."""
    return Quantization(scheme, packed="buffers" if scheme in IN_BUFFERS else "parameters")


@dataclass(frozen=True, slots=True)
class Precision:
    """Dtypes. "same-as-weights" follows the dtype of the parameter that a gradient or a state belongs to, as
    torch's optimizers do.
    """

    weights: Dtype = "bfloat16"
    autocast: Autocast = "none"
    master_weights: Literal["none", "float32"] = "none"
    gradients: Literal["same-as-weights", "float32", "bfloat16", "float16"] = "same-as-weights"
    optimizer_states: Literal["same-as-weights", "float32", "bfloat16", "float16"] = "same-as-weights"
    trainable: Literal["same-as-weights", "float32", "bfloat16", "float16"] = "same-as-weights"
    """Dtype of the base weights that are trained, where a framework upcasts those only (LLaMA-Factory)."""
    fp8: Fp8 = "none"
    fp32_modules: tuple[str, ...] = ()
    """Kept in float32 beside 16-bit weights: of "norms", "embeddings", "head", "router"."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """DeepSpeed's buffers, in elements. "auto" values are already resolved."""

    reduce: float = 5e8
    allgather: float = 5e8
    prefetch: float = 5e7
    live: float = 1e9
    reuse: float = 1e9
    persistence: float = 1e5
    overlap_comm: bool = False
    sub_group: float = 1e9


@dataclass(frozen=True, slots=True)
class Parallel:
    """Who shares what. `data` counts the data-parallel GPUs that share the sharding; `replicate` the copies
    of such a group.
    """

    strategy: Strategy = "none"
    data: int = 1
    replicate: int = 1
    sharding: Literal["full", "grad-op", "none", "hybrid"] = "full"
    wrap: Literal["layer", "none", "size"] = "layer"
    tensor: int = 1
    sequence: bool = False
    context: int = 1
    pipeline: int = 1
    virtual_pipeline: int = 1
    """Chunks of layers on each stage."""
    schedule: Schedule = "1f1b"
    expert: int = 1
    expert_tensor: int = 1
    """Tensor-parallel GPUs of each expert; `tensor` is that of all else."""
    offload: Literal["none", "optimizer", "parameters", "both"] = "none"
    param_dtype: Autocast = "none"
    reduce_dtype: Literal["none", "float32", "bfloat16", "float16"] = "none"
    sync_each_batch: bool | None = None
    """FSDP: gradients are reduced after each micro batch, instead of kept whole while they accumulate. None:
    as the runtime and loop do.
    """
    backward_prefetch: Prefetch = "pre"
    """FSDP 1, as torch's own default; FSDP 2 always gathers ahead."""
    buckets: Buckets = field(default_factory=Buckets)

    @property
    def world_size(self) -> int:
        """GPUs that take part."""
        return self.data * self.replicate * self.tensor * self.context * self.pipeline


@dataclass(frozen=True, slots=True)
class Generation:
    """Completions of online methods (GRPO, RLOO, PPO), and what makes them."""

    engine: GenerationEngine = "vllm"
    """"in-process": the trained model itself generates, in the training process."""
    colocated: bool = False
    """Whether an engine shares the GPUs of the training."""
    memory_fraction: float = 0.3
    """The engine's share of the GPU's total memory, its weights and its cache included."""
    tensor: int = 1
    """GPUs over which one engine splits its weights."""
    sleep: Sleep = "none"
    """What the engine gives back while the training has the GPU: nothing, its cache, its weights too, or its
    weights to host memory.
    """
    batch: int | None = None
    """Sequences generated at once on each GPU; None: those of one micro batch."""
    completion_length: int = 512
    completions: int = 8
    away: Away = "none"
    """What of the policy's training waits on the host while completions are made."""
    handed_over_in: int | None = None
    """Groups of layers in which sharded weights are made whole for the engine, all of one at once; None: each
    weight by itself, or with an adapter under ZeRO-3 all of them.
    """
    scored_tokens: int | None = None
    """Tokens on each GPU whose log-probabilities are taken at once, without gradients, after completions are
    made; None where that is never more than a micro batch of the training.
    """


@dataclass(frozen=True, slots=True)
class Kernels:
    """Kernels that replace a model's own operations."""

    liger: tuple[LigerKernel, ...] = ()
    """Liger's in the layers; what it does to head and loss says `TrainingJob.loss`."""
    tiled_mlp: bool = False
    """Dense feed-forward blocks run over pieces of the sequence, and again in backward."""
    tiled_mlp_pieces: int | None = None
    """How many; None: one for as many tokens as the model is wide (ALST)."""
    sparse_attention: SparseAttention = "whole"
    linear_attention: LinearAttention = "torch"


RoleModel: TypeAlias = "Model | Literal['auto', 'none', 'same-as-model', 'unknown']"
"""A model beside the trained one. "auto": what the objective implies; "unknown": there is one, and nothing
says which.
"""


@dataclass(frozen=True, slots=True)
class Roles:
    """Models that an objective needs beside the trained one, each whole on the training GPUs.

    `critic` is trained, the others only run forward. `reference` is named where it is another model than the
    trained one; whether there is one says `TrainingJob.reference_model`.
    """

    critic: RoleModel = "auto"
    critic_steps: Literal["with-policy", "apart"] = "with-policy"
    """Whether critic and policy go forward and backward together, or one after the other."""
    critic_tokens: int | None = None
    """Tokens of the critic's micro batch on each GPU; None: those of the policy's."""
    critic_away: Away = "none"
    """What of the critic's training waits on the host while it is not the critic's turn."""
    reward_model: RoleModel = "auto"
    teacher: RoleModel = "auto"
    reference: RoleModel = "auto"
    dtype: Literal["same-as-weights", "float32", "bfloat16", "float16"] = "same-as-weights"
    """Dtype of the named models that only run forward."""
    scores: bool = True
    """Whether critic and reward model have a head of one output in place of the language head."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Evaluation while training: its batch per GPU, its length in tokens (None: that of the training).

    `keep_logits`: the logits of all batches stay on the GPU until the evaluation ends.
    """

    batch: int = 8
    sequence_length: int | None = None
    keep_logits: bool = False


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One run. Lengths are tokens, batch sizes sequences per GPU and forward pass."""

    model: Model
    runtime: Runtime = "transformers"
    objective: Objective = "sft"
    method: Method = "full"
    adapter: Adapter | None = None
    quantization: Quantization | None = None
    precision: Precision = field(default_factory=Precision)
    optimizer: str = "adamw_torch_fused"
    optimizer_args: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    """Numbers an optimizer's size depends on: "rank" of GaLore and APOLLO, "momentum" of SGD …"""
    optimizer_in_backward: bool = False
    trainable_layers: int | None = None
    """method: freeze - how many of the last layers are trained (all other weights are frozen)."""
    trainable_parameters: tuple[str, ...] = ()
    """method: freeze - expressions that match, from their beginning, the names of trained weights, as in
    `model.layers.0.mlp.up_proj.weight`.
    """
    micro_batch_size: int = 1
    gradient_accumulation_steps: int = 1
    sequence_length: int = 2048
    packing: bool = False
    padded_batch: bool = False
    images: Images = "none"
    image_pixels: int | None = None
    """Pixels to which larger images are scaled down before the model's own processor sees them; None: as they
    are.
    """
    gradient_checkpointing: Checkpointing = "none"
    """An integer n checkpoints every n-th layer; modules those of each layer, every one by itself."""
    activation_offload: bool = False
    attention: Attention = "sdpa"
    loss: Loss | int = "full-logits"
    """An integer n is the loss of torchtune, LitGPT or torchtitan in n chunks."""
    loop: Loop = "trainer"
    kernels: Kernels = field(default_factory=Kernels)
    compile: bool = False
    allocator: str = ""
    """PYTORCH_ALLOC_CONF as the run has it; "" for PyTorch's defaults."""
    gradient_clipping: float | None = 1.0
    parallel: Parallel = field(default_factory=Parallel)
    reference_model: Reference = "auto"
    generation: Generation | None = None
    roles: Roles = field(default_factory=Roles)
    evaluation: Evaluation | None = None
    """None where nothing is evaluated while training."""
    loading: Loading = "auto"
    saving: Saving = "auto"
    versions: Mapping[str, str] = field(default_factory=dict)
    gpu: Gpu | None = None
    gpu_count: int = 1
    nodes: int = 1
    ram: int | None = None
    """Host memory of a node, bytes; None where nobody says."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Where each field's value came from, by the field's dotted name. A field that is not listed has the job
    dialect's default.
    """

    @property
    def in_trainer(self) -> bool:
        """Whether transformers' Trainer, or a trainer made from it, runs the steps."""
        return self.runtime == "transformers" and self.loop not in ("plain", "freed")

    def origin(self, name: str) -> Origin:
        """Where the value of the field `name` came from (for "adapter.r" also what "adapter" says)."""
        while name:
            if name in self.origins:
                return self.origins[name]
            name = name.rpartition(".")[0]
        return Assumed("default of the job file")

    def written(self, name: str) -> KeyPath | None:
        """The key that the field `name` was written at in the analysed file, or None."""
        origin = self.origins.get(name)
        return origin.key if isinstance(origin, Written) and origin.document is None else None
