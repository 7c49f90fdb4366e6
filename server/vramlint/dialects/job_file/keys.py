"""The keys of a job file: what each one is, what it may be, and what it does to memory."""

from __future__ import annotations

from typing import Any

from vramlint.dialects.kit.dialect import UNSET, Key
from vramlint.job import (
    Adapter,
    Buckets,
    Evaluation,
    Generation,
    Parallel,
    Precision,
    Quantization,
    Roles,
    TrainingJob,
)

FLOATS = ("float32", "bfloat16", "float16")
OBJECTIVES = (
    "pretrain",
    "sft",
    "classification",
    "reward",
    "dpo",
    "kto",
    "orpo",
    "grpo",
    "ppo",
    "distillation",
)
RUNTIMES = ("transformers", "litgpt", "torchtune", "torchtitan", "megatron", "composer", "own")
METHODS = ("full", "lora", "qlora", "dora", "freeze", "ia3", "vera", "loha", "lokr", "layernorm")
SCHEMES = (
    "bnb-nf4",
    "bnb-fp4",
    "bnb-int8",
    "gptq-int4",
    "gptq-int8",
    "awq-int4",
    "hqq-int4",
    "torchao-nf4",
    "fp8",
)
SCHEDULES = ("1f1b", "interleaved", "gpipe", "zero-bubble")
STRATEGIES = ("none", "ddp", "zero1", "zero2", "zero3", "fsdp1", "fsdp2")
ATTENTIONS = (
    "sdpa",
    "eager",
    "sdpa-flash",
    "sdpa-efficient",
    "sdpa-math",
    "flash_attention_2",
    "flash_attention_3",
    "flex",
)
LOSSES = (
    "full-logits",
    "fused-cross-entropy",
    "fused-linear",
    "trl-chunked",
    "trl-fused-head",
    "forward-kl",
    "reverse-kl",
)
LOOPS = ("plain", "freed", "trainer", "trl@1.10", "trl@1.16")

_DEFAULTS: dict[str, Any] = {
    "adapter": Adapter(),
    "quantization": Quantization(),
    "precision": Precision(),
    "parallel": Parallel(),
    "parallel.buckets": Buckets(),
    "generation": Generation(),
    "roles": Roles(),
    "evaluation": Evaluation(),
}
_PLAIN = {name: field.default for name, field in TrainingJob.__dataclass_fields__.items()}


def _row(path: str, effect: str, choices: tuple[Any, ...] = ()) -> Key:
    """A row whose field is its own path and whose default is the dataclass's."""
    group, _, name = path.rpartition(".")
    default = getattr(_DEFAULTS[group], name, UNSET) if group else _PLAIN.get(name, UNSET)
    return Key(path, path, effect, default, choices)


def _role(name: str, effect: str) -> Key:
    """A model beside the trained one: a model as under `model`, or one of the words."""
    return Key(f"roles.{name}", f"roles.{name}", effect, "auto")


KEYS: tuple[Key, ...] = (
    Key("vramlint", None, "Says that the file is a job file, and of which version: 1.", 1, (1,)),
    Key(
        "model",
        "model",
        "Hub id, folder of a config.json, its keys written inline, or {parameters: N}. Fixes every "
        "tensor shape; with only a count, weights and states are known but activations are not.",
    ),
    _row(
        "runtime",
        "Whose layers and training script run, as each writes the same model its own way.",
        RUNTIMES,
    ),
    _row(
        "objective",
        "What is trained for. Preference methods put pairs into a batch and may keep a second model.",
        OBJECTIVES,
    ),
    _row(
        "method",
        "Which weights are trained. Frozen weights need neither gradients nor optimizer states.",
        METHODS,
    ),
    _row("adapter.r", "Rank: each adapted linear of in × out features gains r × (in + out) trained weights."),
    _row("adapter.alpha", "Scale of the adapter's output. Costs no memory."),
    _row(
        "adapter.dropout",
        "Above 0, every adapted linear saves a dropout mask and a masked copy of its input.",
    ),
    _row(
        "adapter.targets",
        "Which linears get an adapter; each adapted one also saves its input for the backward pass.",
    ),
    _row(
        "adapter.dtype",
        "Dtype of the adapter; its gradients and moments follow it.",
        (*FLOATS, "same-as-base"),
    ),
    _row(
        "adapter.target_parameters",
        "Parameters with an adapter of their own: all experts' at once, whose update is as large as they.",
    ),
    _row("adapter.layers", "Numbers of the layers that get an adapter; empty for all."),
    _row(
        "adapter.modules_to_save",
        "Modules trained whole: a trained copy with gradients and states beside the frozen original.",
    ),
    _row(
        "adapter.fused_kernels", "Hand-written LoRA kernels, which save fewer activations than autograd does."
    ),
    _row(
        "quantization.scheme",
        "How the frozen linears are stored: 4-bit schemes take about 0.5 bytes a weight, int8 one.",
        SCHEMES,
    ),
    _row(
        "quantization.double_quant", "Stores the 4-bit scales in 8 bits: 0.52 instead of 0.56 bytes a weight."
    ),
    _row(
        "quantization.compute", "Dtype to which a quantized weight is unpacked while its linear runs.", FLOATS
    ),
    _row(
        "quantization.kbit_prep",
        "What a preparation step leaves in float32. PEFT's doubles embeddings and output head.",
        ("none", "fp32-norms-embeddings-head", "fp32-norms"),
    ),
    _row(
        "quantization.experts",
        "Experts that are one parameter a projection. unpacked-whole: packed as linears are, and each "
        "forward pass unpacks all of a layer's at once.",
        ("auto", "unpacked-whole"),
    ),
    _row(
        "precision.weights", "Bytes of each weight that is held: 4 in float32, 2 in the 16-bit types.", FLOATS
    ),
    _row(
        "precision.autocast",
        "Mixed precision over float32 weights keeps a 16-bit copy of every trained one through the "
        "forward pass.",
        ("none", "bfloat16", "float16"),
    ),
    _row(
        "precision.master_weights",
        "A float32 copy of the trained weights: 4 bytes each.",
        ("none", "float32"),
    ),
    _row("precision.gradients", "Bytes of each trained weight's gradient.", ("same-as-weights", *FLOATS)),
    _row(
        "precision.optimizer_states",
        "Bytes of each moment; AdamW keeps two a trained weight.",
        ("same-as-weights", *FLOATS),
    ),
    _row(
        "precision.trainable",
        "Dtype of the trained base weights, where only those are upcast.",
        ("same-as-weights", *FLOATS),
    ),
    _row(
        "precision.fp8",
        "Linears compute in 8 bits; weights stay as they are.",
        ("none", "tensorwise", "rowwise"),
    ),
    _row(
        "precision.fp32_modules",
        "Parts kept in float32 beside 16-bit weights; their gradients and states double too.",
    ),
    _row(
        "optimizer",
        "AdamW keeps two states a trained weight, 8-bit ones a quarter of that, Adafactor rows and "
        "columns, SGD none.",
    ),
    Key(
        "optimizer_args",
        "optimizer_args",
        "Numbers that an optimizer's size depends on: GaLore's rank, SGD's momentum.",
    ),
    _row(
        "optimizer_in_backward",
        "Steps each weight as its gradient arrives: only about one layer's gradients exist.",
    ),
    _row("trainable_layers", "For method freeze: how many of the last layers are trained."),
    _row(
        "trainable_parameters",
        "For method freeze: expressions for the names of the weights that are trained, from their beginning.",
    ),
    _row(
        "micro_batch_size", "Sequences per GPU and forward pass. Activations and logits grow in proportion."
    ),
    _row(
        "gradient_accumulation_steps",
        "Micro-batches per step. No activations, but gradients then live through the forward pass.",
    ),
    _row(
        "sequence_length",
        "Tokens of a sequence. Activations and logits grow in proportion, eager attention by the square.",
    ),
    _row("packing", "Several samples share a row, so that every row is full."),
    _row(
        "padded_batch",
        "Rows differ in length: an attention mask exists, and some attention kernels fall back.",
    ),
    _row(
        "gradient_checkpointing",
        "Keeps only each layer's input and computes the rest again in the backward pass. {every: n} "
        "does so for every n-th layer.",
        ("none", "full", "reentrant", "selective-op"),
    ),
    _row("activation_offload", "Saved activations wait in host memory."),
    _row(
        "attention",
        "Which kernel runs. Eager keeps heads × length² scores; the flash kernels keep none.",
        ATTENTIONS,
    ),
    _row(
        "loss",
        "Whether logits of tokens × vocabulary exist, how often, and in which dtype. {chunks: n} "
        "splits them.",
        LOSSES,
    ),
    _row("loop", "How long the training loop keeps the logits alive.", LOOPS),
    _row("compile", "torch.compile fuses elementwise operations and saves fewer activations."),
    _row("gradient_clipping", "Clipping needs a scratch list of norms; null turns it off."),
    _row(
        "parallel.strategy",
        "Who shares what: ZeRO-1 states, ZeRO-2 gradients too, ZeRO-3 and FSDP weights too.",
        STRATEGIES,
    ),
    _row("parallel.data", "GPUs that share the sharding; {shard: 8, replicate: 4} for a hybrid."),
    _row("parallel.replicate", "Copies of the sharding group."),
    _row(
        "parallel.sharding",
        "FSDP: grad-op keeps the gathered weights from forward to backward.",
        ("full", "grad-op", "none", "hybrid"),
    ),
    _row(
        "parallel.wrap", "What FSDP gathers at once: a layer, or the whole model.", ("layer", "none", "size")
    ),
    _row("parallel.tensor", "Splits each layer's weights and part of its activations."),
    _row("parallel.sequence", "Also splits what tensor parallelism leaves whole, along the sequence."),
    _row("parallel.context", "Splits every activation along the sequence."),
    _row("parallel.pipeline", "Splits the layers; early stages hold several micro-batches in flight."),
    _row(
        "parallel.virtual_pipeline", "Chunks of layers on each stage; more of them keep more micro-batches."
    ),
    _row(
        "parallel.schedule", "In which order a stage runs its micro-batches forward and backward.", SCHEDULES
    ),
    _row("parallel.expert", "Splits the experts of a mixture."),
    _row("parallel.expert_tensor", "Splits each expert's weights; parallel.tensor splits all else."),
    _row("parallel.offload", "What waits in host memory.", ("none", "optimizer", "parameters", "both")),
    _row(
        "parallel.param_dtype", "Dtype of the gathered weights under FSDP.", ("none", "bfloat16", "float16")
    ),
    _row("parallel.reduce_dtype", "Dtype in which gradients are reduced.", ("none", *FLOATS)),
    _row(
        "parallel.sync_each_batch",
        "Reduces gradients after each micro-batch; false keeps them whole under FSDP while they accumulate.",
    ),
    _row("parallel.buckets.reduce", "DeepSpeed's reduction buffer, in elements."),
    _row(
        "parallel.buckets.allgather",
        "Elements that DeepSpeed's stages 1 and 2 gather at once, in place: costs no memory.",
    ),
    _row("parallel.buckets.prefetch", "Weights that ZeRO-3 fetches ahead, in elements."),
    _row("parallel.buckets.live", "The most gathered weights ZeRO-3 keeps, in elements."),
    _row("parallel.buckets.persistence", "ZeRO-3 never shards parameters smaller than this, in elements."),
    _row("parallel.buckets.overlap_comm", "A second reduction buffer, so that communication overlaps."),
    _row("parallel.buckets.sub_group", "Elements that ZeRO-3 steps at once."),
    _row(
        "reference_model",
        "The frozen copy that preference methods compare with.",
        ("auto", "none", "resident", "quantized"),
    ),
    _row(
        "generation.engine",
        "What makes the completions: the trained model in the training process, or an engine with weights "
        "of its own.",
        ("in-process", "vllm", "sglang"),
    ),
    _row(
        "generation.colocated", "An inference engine shares the GPU and takes memory_fraction of all of it."
    ),
    _row("generation.memory_fraction", "The engine's share of the device's total memory."),
    _row("generation.tensor", "GPUs over which one engine splits its weights."),
    _row(
        "generation.sleep",
        "What the engine gives back while the training has the GPU: nothing, its cache, its weights too, or "
        "its weights to host memory.",
        ("none", "cache", "weights", "offload"),
    ),
    _row("generation.batch", "Sequences generated at once on each GPU; left out, those of one micro batch."),
    _row(
        "generation.completion_length", "The most tokens of a completion; they follow the prompt in each row."
    ),
    _row("generation.completions", "Completions sampled for each prompt."),
    _role("critic", "The value model of PPO: weights, gradients and optimizer states beside the policy's."),
    _row(
        "roles.critic_steps",
        "Whether critic and policy go through forward and backward together, or one after the other.",
        ("with-policy", "apart"),
    ),
    _role("reward_model", "The model that scores completions: its weights stay on the GPU."),
    _role("teacher", "The model that is distilled from: its weights and its logits."),
    _row(
        "roles.dtype",
        "Dtype of the named models that only run forward.",
        ("same-as-weights", *FLOATS),
    ),
    _row(
        "roles.scores",
        "Whether critic and reward model have a head of one output in place of the language head.",
    ),
    _role("reference", "The reference model, where it is another one than the trained model."),
    _row("evaluation.batch", "Sequences of an evaluation batch on each GPU: logits grow in proportion."),
    _row(
        "evaluation.sequence_length", "Tokens of a sequence in evaluation; left out, those of the training."
    ),
    _row(
        "evaluation.keep_logits",
        "The logits of all evaluation batches stay on the GPU until the last one is done.",
    ),
    _row(
        "loading",
        "Where the released weights are read before they are sharded: host memory of every rank, of one rank "
        "a node, or the GPU of every rank.",
        ("auto", "host", "rank-0", "device"),
    ),
    _row(
        "saving",
        "Whether a checkpoint of a sharded run is gathered whole on one rank.",
        ("auto", "full", "sharded"),
    ),
    Key("versions", "versions", "Releases of frameworks and libraries whose behaviour decides memory."),
    Key("gpu", "gpu", "The card: a name, with a count (A100-80GB x8), or {memory: 24GiB, count: 1}."),
    _row("nodes", "Machines that take part."),
    Key("ram", "ram", "Host memory of one machine, as in 512GiB: offloaded states and loading must fit it."),
)
