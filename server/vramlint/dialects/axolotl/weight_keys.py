"""The keys of an axolotl config that decide what is held: model, adapter, quantization, precision (axolotl
0.21).
"""

from __future__ import annotations

from vramlint.dialects.kit.dialect import UNSET, Key

BOOLEAN = (True, False)

WEIGHT_KEYS: tuple[Key, ...] = (
    Key(
        "base_model",
        "model",
        "The model that is trained: hub id or folder. Its shape fixes every weight and activation.",
    ),
    Key(
        "processor_type",
        "images",
        "Reads rows with images. Without it they are text, and the tower of a model that reads images only "
        "lies there.",
        None,
    ),
    Key("image_size", "image_pixels", "Side that every image is scaled to before the model sees it.", None),
    Key(
        "adapter",
        "method",
        "lora or qlora freeze the base, so that only the adapter needs gradients and optimizer states. "
        "If not set, every "
        "weight is trained: 8 bytes each in bf16, of which the base takes 2.",
        None,
        ("lora", "qlora"),
    ),
    Key(
        "load_in_4bit",
        "quantization.scheme",
        "Stores the frozen linears in 4 bits (NF4 with double quantization, about 0.52 bytes a "
        "weight); embeddings and output "
        "head stay in 16 bits. Works with adapter: qlora only: with adapter: lora nothing is quantized "
        "and the base goes to float32.",
        False,
        BOOLEAN,
    ),
    Key(
        "load_in_8bit",
        "quantization.scheme",
        "Stores the frozen linears in 8 bits: 1 byte a weight. Works with adapter: lora only.",
        False,
        BOOLEAN,
    ),
    Key(
        "bnb_config_kwargs",
        "quantization.scheme",
        "Overrides of the bitsandbytes settings: 4-bit type, double quantization, storage.",
        None,
    ),
    Key(
        "quantize_moe_experts",
        "quantization.experts",
        "Quantizes the experts of a mixture too, which are no linear layers since transformers 5. A layer's "
        "experts are unpacked all at once while it runs.",
        False,
        BOOLEAN,
        since="0.15",
    ),
    Key("gptq", "quantization.scheme", "The base is a GPTQ checkpoint and stays packed.", None, BOOLEAN),
    Key(
        "lora_r",
        "adapter.r",
        "Rank: each adapted linear of in × out features gains r × (in + out) trained weights, 16 bytes "
        "each in float32.",
    ),
    Key("lora_alpha", "adapter.alpha", "Scale of the adapter. Costs no memory."),
    Key(
        "lora_dropout",
        "adapter.dropout",
        "Above 0, every adapted linear saves a dropout mask and a masked copy of its input.",
        0.0,
    ),
    Key(
        "lora_target_linear",
        "adapter.targets",
        "Adapts every linear layer but the output head. With neither this nor lora_target_modules, "
        "nothing is adapted.",
        None,
        BOOLEAN,
    ),
    Key(
        "lora_target_modules",
        "adapter.targets",
        "Names of the linears that get an adapter; each also saves its input for the backward pass.",
    ),
    Key(
        "lora_target_parameters",
        "adapter.target_parameters",
        "Parameters that get an adapter of their own, as experts held in one parameter do: each forward "
        "pass makes an updated copy of all of them.",
        None,
    ),
    Key(
        "peft_layers_to_transform",
        "adapter.layers",
        "Numbers of the layers that get an adapter. Acts on lists of names, not on an expression.",
        None,
    ),
    Key(
        "lora_modules_to_save",
        "adapter.modules_to_save",
        "Modules trained whole: a copy with gradients and states beside the frozen original.",
        None,
    ),
    Key(
        "peft_use_dora",
        "method",
        "DoRA: adds a magnitude vector and, in each forward pass, the norm of the whole adapted weight.",
        None,
        BOOLEAN,
    ),
    Key(
        "peft_autocast_adapter_dtype",
        "adapter.dtype",
        "false keeps the adapter in the base's dtype instead of float32.",
        True,
        BOOLEAN,
    ),
    Key(
        "lora_mlp_kernel",
        "adapter.fused_kernels",
        "Fused LoRA kernel of the feed-forward block, which saves fewer activations; on by default "
        "with an adapter.",
        UNSET,
        BOOLEAN,
    ),
    Key(
        "lora_qkv_kernel",
        "adapter.fused_kernels",
        "Fused LoRA kernel of the attention inputs; on by default with an adapter.",
        UNSET,
        BOOLEAN,
    ),
    Key(
        "lora_o_kernel",
        "adapter.fused_kernels",
        "Fused LoRA kernel of the attention output; on by default with an adapter.",
        UNSET,
        BOOLEAN,
    ),
    Key(
        "unfrozen_parameters",
        "method",
        "Trains only the weights that match from the beginning of their names: all others need no gradients "
        "and no states.",
        None,
    ),
    Key(
        "bf16",
        "precision.weights",
        "auto and true load the weights in bf16 and run under bf16 autocast: there is no float32 "
        "master copy, so weights, gradients "
        "and AdamW moments take 8 bytes a weight. false: float32, 16 bytes.",
        "auto",
        (True, False, "auto"),
    ),
    Key("fp16", "precision.weights", "Loads in float16 and trains with a loss scaler.", None, BOOLEAN),
    Key(
        "bfloat16",
        "precision.weights",
        "Loads in bf16 and runs under bf16 autocast, as bf16: true.",
        None,
        BOOLEAN,
    ),
    Key("float16", "precision.weights", "Loads in float16 without autocast.", None, BOOLEAN),
    Key("tf32", None, "Faster float32 multiplications. Changes no memory.", "auto", (True, False, "auto")),
    Key("fp8", "precision.fp8", "Linears compute in 8 bits; the weights keep their dtype.", None, BOOLEAN),
    Key(
        "embeddings_skip_upcast",
        "precision.fp32_modules",
        "Keeps 4-bit runs from raising the embeddings to float32 while loading.",
        None,
        BOOLEAN,
    ),
)
