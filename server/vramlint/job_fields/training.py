"""The fields that say what is trained, and its step."""

from __future__ import annotations

from vramlint.catalog.optimizers import OPTIMIZERS, optimizer_named
from vramlint.job import TrainingJob
from vramlint.job_fields.row import JobField, Moves
from vramlint.vocabulary import EACH_MODULE

_COMPARED = tuple(
    dict.fromkeys(each for name, row in OPTIMIZERS.items() if row.common for each in (name, *row.classes[:1]))
)


def _compact(job: TrainingJob) -> bool:
    row = optimizer_named(job.optimizer)
    return row is not None and row.compact


MODEL: tuple[JobField, ...] = (
    JobField(
        "model",
        "Hub id, folder of a config.json, its keys written inline, or {parameters: N}. Fixes every "
        "tensor shape; with only a count, weights and states are known but activations are not.",
        Moves("weights", "none"),
        blame={"weights": 1},
        counts=lambda job: False,
        holds="weights",
        hinted=True,
    ),
    JobField(
        "runtime",
        "Whose layers and training script run, as each writes the same model its own way.",
    ),
    JobField(
        "objective",
        "What is trained for. Preference methods put pairs into a batch and may keep a second model.",
        always=True,
    ),
    JobField(
        "method",
        "Which weights are trained. Frozen weights need neither gradients nor optimizer states.",
        Moves(worth=("full", "lora", "qlora", "freeze")),
        smallest=lambda job: job.method != "full",
        blame={"optimizer_states": 2, "gradients": 1},
        holds="gradients",
        about="trained",
        always=True,
    ),
    JobField("adapter", moves=Moves(worth=("lora", "qlora")), about="trained"),
    JobField(
        "adapter.r",
        "Rank: each adapted linear of in × out features gains r × (in + out) trained weights.",
        Moves(steps="double"),
        hinted=True,
        always=True,
    ),
    JobField("adapter.alpha", "Scale of the adapter's output. Costs no memory.", Moves(steps="double")),
    JobField(
        "adapter.dropout",
        "Above 0, every adapted linear saves a dropout mask and a masked copy of its input.",
        Moves("activations", worth=(0.0, 0.05)),
    ),
    JobField(
        "adapter.targets",
        "Which linears get an adapter; each adapted one also saves its input for the backward pass.",
        always=True,
    ),
    JobField("adapter.dtype", "Dtype of the adapter; its gradients and moments follow it.", always=True),
    JobField(
        "adapter.target_parameters",
        "Parameters with an adapter of their own: all experts' at once, whose update is as large as they.",
    ),
    JobField("adapter.layers", "Numbers of the layers that get an adapter; empty for all."),
    JobField(
        "adapter.modules_to_save",
        "Modules trained whole: a trained copy with gradients and states beside the frozen original.",
    ),
    JobField(
        "adapter.fused_kernels", "Hand-written LoRA kernels, which save fewer activations than autograd does."
    ),
    JobField("quantization", moves=Moves("weights"), blame={"weights": 3, "at load": 2}),
    JobField(
        "quantization.scheme",
        "How the frozen linears are stored: 4-bit schemes take about 0.5 bytes a weight, int8 one.",
        always=True,
    ),
    JobField(
        "quantization.double_quant", "Stores the 4-bit scales in 8 bits: 0.52 instead of 0.56 bytes a weight."
    ),
    JobField("quantization.compute", "Dtype to which a quantized weight is unpacked while its linear runs."),
    JobField(
        "quantization.kbit_prep",
        "What a preparation step leaves in float32. PEFT's doubles embeddings and output head.",
    ),
    JobField(
        "quantization.experts",
        "Experts that are one parameter a projection. packed: as linears are. unpacked-whole: packed too, "
        "and each forward pass unpacks all of a layer's at once.",
    ),
    JobField(
        "quantization.packed",
        "What packed weights are to an engine. Parameters are sharded; buffers stay whole on every GPU: "
        "GPTQ and AWQ under transformers, 4-bit integers under FSDP2.",
    ),
    JobField("precision", moves=Moves("weights")),
    JobField(
        "precision.weights",
        "Bytes of each weight that is held: 4 in float32, 2 in the 16-bit types.",
        smallest=lambda job: job.precision.weights != "float32",
        blame={"optimizer_states": 4, "gradients": 3, "weights": 2},
        matters=1,
        always=True,
    ),
    JobField(
        "precision.autocast",
        "Mixed precision over float32 weights keeps a 16-bit copy of every trained one through the "
        "forward pass.",
        Moves("activations"),
        matters=2,
        always=True,
    ),
    JobField("precision.master_weights", "A float32 copy of the trained weights: 4 bytes each."),
    JobField(
        "precision.gradients",
        "Bytes of each trained weight's gradient.",
        Moves("gradients"),
        smallest=lambda job: job.precision.gradients != "float32",
        blame={"gradients": 2},
    ),
    JobField(
        "precision.optimizer_states",
        "Bytes of each moment; AdamW keeps two a trained weight.",
        Moves("optimizer_states"),
        smallest=lambda job: job.precision.optimizer_states != "float32",
        blame={"optimizer_states": 3},
    ),
    JobField("precision.trainable", "Dtype of the trained base weights, where only those are upcast."),
    JobField("precision.fp8", "Linears compute in 8 bits; weights stay as they are."),
    JobField(
        "precision.fp32_modules",
        "Parts kept in float32 beside 16-bit weights; their gradients and states double too.",
    ),
    JobField(
        "optimizer",
        "AdamW keeps two states a trained weight, 8-bit ones a quarter of that, Adafactor rows and "
        "columns, SGD none.",
        Moves("optimizer_states", worth=_COMPARED),
        smallest=_compact,
        blame={"optimizer_states": 1},
        matters=3,
        holds="optimizer_states",
        hinted=True,
        always=True,
    ),
    JobField(
        "optimizer_args",
        "Numbers that an optimizer's size depends on: GaLore's rank, SGD's momentum.",
        Moves("optimizer_states", "none"),
    ),
    JobField(
        "optimizer_in_backward",
        "Steps each weight as its gradient arrives: only about one layer's gradients exist.",
        Moves("gradients"),
    ),
    JobField(
        "trainable_layers",
        "For method freeze: how many of the last layers are trained.",
        Moves(steps="one"),
        about="trained",
        hinted=True,
    ),
    JobField(
        "trainable_parameters",
        "For method freeze: expressions for the names of the weights that are trained, from their beginning.",
        Moves(steps="none"),
        about="trained",
    ),
)

STEP: tuple[JobField, ...] = (
    JobField(
        "micro_batch_size",
        "Sequences per GPU and forward pass. Activations and logits grow in proportion.",
        Moves("activations", "one"),
        smallest=lambda job: job.micro_batch_size == 1,
        blame={"activations": 1},
        matters=5,
        holds="activations",
        hinted=True,
        always=True,
    ),
    JobField(
        "gradient_accumulation_steps",
        "Micro-batches per step. No activations, but gradients then live through the forward pass.",
        Moves("gradients", "single"),
        always=True,
    ),
    JobField(
        "sequence_length",
        "Tokens of a sequence. Activations and logits grow in proportion, eager attention by the square.",
        Moves("activations", "double"),
        blame={"activations": 2},
        matters=4,
        holds="activations",
        hinted=True,
        always=True,
    ),
    JobField(
        "packing", "Several samples share a row, so that every row is full.", Moves("activations"), matters=10
    ),
    JobField(
        "padded_batch",
        "Rows differ in length: an attention mask exists, and some attention kernels fall back.",
        Moves("activations"),
        matters=9,
    ),
    JobField(
        "images",
        "Of a model that reads images: none in the rows (its tower only lies there), one in each, or one "
        "tiny image in each micro batch of text.",
        Moves("activations"),
        counts=lambda job: job.model.reads_images,
    ),
    JobField(
        "image_pixels",
        "Larger images are scaled down to so many pixels; fewer are fewer patches of the tower and tokens.",
        Moves("activations", steps="double"),
        counts=lambda job: job.model.reads_images and job.images == "one",
    ),
    JobField(
        "gradient_checkpointing",
        "Keeps only each layer's input and computes the rest again in the backward pass. {every: n} "
        "does so for every n-th layer, {modules: [mlp, norm]} for these of each layer; {budget: 0.5} "
        "lets the compiler keep that share.",
        Moves("activations"),
        smallest=lambda job: job.gradient_checkpointing in ("full", "reentrant", EACH_MODULE),
        blame={"activations": 3},
        matters=6,
        always=True,
    ),
    JobField("activation_offload", "Keeps saved activations in host memory.", Moves("activations")),
    JobField(
        "attention",
        "Which kernel runs. Eager keeps heads × length² scores; the flash kernels keep none.",
        Moves("activations", worth=("eager", "sdpa", "flash_attention_2", "flex_attention")),
        smallest=lambda job: job.attention not in ("eager", "sdpa-math"),
        blame={"activations": 4},
        matters=7,
        always=True,
    ),
    JobField(
        "loss",
        "Whether logits of tokens × vocabulary exist, how often, and in which dtype. {chunks: n} "
        "splits them.",
        Moves("activations"),
        smallest=lambda job: job.loss not in ("full-logits", "fused-cross-entropy", "compiled"),
        blame={"activations": 5},
        matters=8,
        always=True,
    ),
    JobField("loop", "How long the training loop keeps the logits alive.", Moves("activations"), always=True),
    JobField("kernels", moves=Moves("activations")),
    JobField(
        "kernels.liger",
        "Liger's kernels, which save less: loss (head and loss in one), rms_norm, swiglu (any gated "
        "activation), rope.",
    ),
    JobField(
        "kernels.linear_attention",
        "What runs linear attention: plain PyTorch, which holds many copies in 32 bits, or the kernels of "
        "flash-linear-attention, with packed rows also those of its convolution.",
        Moves("activations"),
        counts=lambda job: job.model.attends_linearly,
    ),
    JobField(
        "kernels.tiled_mlp",
        "Feed-forward blocks run over pieces of the sequence, which bounds their memory for long sequences.",
    ),
    JobField(
        "kernels.tiled_mlp_pieces",
        "Number of pieces; by default one per as many tokens as the model is wide.",
        Moves("activations", "double"),
    ),
    JobField(
        "kernels.sparse_attention",
        "Where a model chooses the keys that a query sees (DeepSeek V3.2, GLM-5): whole keeps queries × keys "
        "scores for each head of its indexer, fused those of 8,192 queries, summed over heads.",
        counts=lambda job: "index_topk" in job.model.config,
    ),
    JobField(
        "compile",
        "torch.compile fuses elementwise operations and saves fewer activations.",
        Moves("activations"),
    ),
    JobField(
        "allocator",
        "How PyTorch's caching allocator is set up (PYTORCH_ALLOC_CONF). Expandable segments leave next to "
        "no gaps between tensors of many sizes.",
        Moves("overhead", worth=("", "expandable_segments:True")),
    ),
    JobField("gradient_clipping", "Clipping needs a scratch list of norms; null turns it off."),
)
