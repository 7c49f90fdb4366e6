"""What LLaMA-Factory's argument parser refuses (llamafactory 0.9.5, files below llamafactory/hparams)."""

from __future__ import annotations

from collections.abc import Callable

from vramlint.dialects.kit.conflicts import Conflict
from vramlint.dialects.kit.reader import Reader, integer, names, number, text


def _stage(reader: Reader) -> str:
    return reader.get("stage", text) or "sft"


def _method(reader: Reader) -> str:
    return reader.get("finetuning_type", text) or "lora"


def _share(reader: Reader) -> float:
    return reader.get("val_size", number) or 0.0


def _whole_model_optimizers(reader: Reader) -> int:
    return sum(reader.flag(name) for name in ("use_galore", "use_apollo", "use_badam"))


def _uneven_mix(reader: Reader) -> bool:
    shares, sets = reader.get("interleave_probs", names), reader.get("dataset", names)
    return shares is not None and sets is not None and len(shares) != len(sets)


def _outside_sft(name: str) -> Callable[[Reader], bool]:
    return lambda reader: reader.flag(name) and _stage(reader) != "sft"


_ONLY_SFT = ("predict_with_generate", "neat_packing", "train_on_prompt", "mask_history")

REFUSALS: tuple[Conflict, ...] = (
    *(
        Conflict(
            "stage-conflict",
            name,
            ("stage",),
            _outside_sft(name),
            f"{name}: true is refused in every stage but sft",
            source="parser.py:316",
        )
        for name in _ONLY_SFT
    ),
    Conflict(
        "stage-conflict",
        "load_best_model_at_end",
        ("stage",),
        lambda r: r.flag("load_best_model_at_end") and _stage(r) in ("rm", "ppo"),
        "load_best_model_at_end is refused in the stages rm and ppo",
        source="parser.py:330",
    ),
    Conflict(
        "stage-conflict",
        "stage",
        ("reward_model",),
        lambda r: _stage(r) == "ppo" and not r.get("reward_model", text),
        "stage: ppo needs a reward_model",
        source="finetuning_args.py:581",
    ),
    Conflict(
        "adapter-without-lora",
        "adapter_name_or_path",
        ("finetuning_type",),
        lambda r: bool(r.get("adapter_name_or_path", names)) and _method(r) in ("full", "freeze"),
        "adapter_name_or_path continues a LoRA adapter, and finetuning_type is another one",
        source="parser.py:186",
    ),
    Conflict(
        "quantization-conflict",
        "create_new_adapter",
        ("quantization_bit", "adapter_name_or_path"),
        lambda r: (
            r.flag("create_new_adapter")
            and r.get("quantization_bit", integer) is not None
            and bool(r.get("adapter_name_or_path", names))
        ),
        "a new adapter on top of another one is refused over a quantized base",
        source="parser.py:199",
    ),
    Conflict(
        "quantization-conflict",
        "quantization_device_map",
        ("do_train",),
        lambda r: r.raw("quantization_device_map") == "auto" and r.flag("do_train"),
        "quantization_device_map: auto is refused for training; remove it",
        source="parser.py:375",
    ),
    Conflict(
        "quantization-conflict",
        "fp8",
        ("quantization_bit",),
        lambda r: r.flag("fp8") and r.get("quantization_bit", integer) is not None,
        "fp8 is refused with quantization_bit; keep one",
        source="parser.py:404",
    ),
    Conflict(
        "backend-for-training",
        "infer_backend",
        ("do_train",),
        lambda r: r.get("infer_backend", text) in ("vllm", "sglang", "ktransformers") and r.flag("do_train"),
        "this infer_backend serves chats only and is refused for training; write infer_backend: huggingface",
        fix={"infer_backend": "huggingface"},
        source="parser.py:407",
    ),
    Conflict(
        "endless-data",
        "streaming",
        ("max_steps",),
        lambda r: r.flag("streaming") and (r.get("max_steps", integer) or -1) < 1,
        "streaming: true has no known end: write max_steps",
        source="parser.py:357",
    ),
    Conflict(
        "endless-data",
        "max_samples",
        ("streaming",),
        lambda r: r.flag("streaming") and r.get("max_samples", integer) is not None,
        "max_samples is refused with streaming: true; use max_steps",
        source="data_args.py:180",
    ),
    Conflict(
        "endless-data",
        "val_size",
        ("streaming",),
        lambda r: r.flag("streaming") and 1e-6 < _share(r) < 1,
        "val_size must be a number of samples with streaming: true, not a share",
        source="data_args.py:177",
    ),
    Conflict(
        "two-validation-sets",
        "val_size",
        ("eval_dataset",),
        lambda r: _share(r) > 1e-6 and bool(r.get("eval_dataset", names)),
        "val_size and eval_dataset exclude each other; keep one",
        source="data_args.py:163",
    ),
    Conflict(
        "evaluation-without-data",
        "do_eval",
        ("eval_dataset", "val_size"),
        lambda r: r.flag("do_eval") and r.flag("do_train") and _share(r) < 1e-6 and not r.has("eval_dataset"),
        "do_eval: true needs an eval_dataset or a val_size",
        source="parser.py:365",
    ),
    Conflict(
        "interleaving",
        "interleave_probs",
        ("mix_strategy",),
        lambda r: (
            r.raw("interleave_probs") not in (None, "")
            and r.has("interleave_probs")
            and (r.get("mix_strategy", text) or "concat") == "concat"
        ),
        "interleave_probs needs a mix_strategy that interleaves, and it is concat",
        source="data_args.py:167",
    ),
    Conflict(
        "interleaving",
        "interleave_probs",
        ("dataset",),
        _uneven_mix,
        "interleave_probs needs one share for each of the datasets",
        source="data_args.py:171",
    ),
    Conflict(
        "two-masks",
        "mask_history",
        ("train_on_prompt",),
        lambda r: r.flag("mask_history") and r.flag("train_on_prompt"),
        "mask_history and train_on_prompt exclude each other; keep one",
        source="data_args.py:183",
    ),
    Conflict(
        "two-metrics",
        "predict_with_generate",
        ("compute_accuracy",),
        lambda r: r.flag("predict_with_generate") and r.flag("compute_accuracy"),
        "predict_with_generate and compute_accuracy exclude each other; keep one",
        source="parser.py:372",
    ),
    Conflict(
        "optimizer-conflict",
        "use_badam",
        ("finetuning_type",),
        lambda r: r.flag("use_badam") and _method(r) == "lora",
        "use_badam is refused with finetuning_type: lora",
        source="finetuning_args.py:596",
    ),
    Conflict(
        "optimizer-conflict",
        "use_galore",
        ("use_apollo", "use_badam"),
        lambda r: _whole_model_optimizers(r) > 1,
        "use_galore, use_apollo and use_badam exclude each other; keep one",
        source="finetuning_args.py:599",
    ),
    Conflict(
        "loss-without-smoothing",
        "dpo_label_smoothing",
        ("pref_loss",),
        lambda r: (
            (r.get("dpo_label_smoothing", number) or 0) > 1e-6
            and _stage(r) == "dpo"
            and (r.get("pref_loss", text) or "sigmoid") != "sigmoid"
        ),
        "dpo_label_smoothing serves pref_loss: sigmoid only",
        source="finetuning_args.py:590",
    ),
    Conflict(
        "expansion-of-all",
        "use_llama_pro",
        ("finetuning_type",),
        lambda r: r.flag("use_llama_pro") and _method(r) == "full",
        "use_llama_pro trains added blocks only: finetuning_type must be freeze or lora",
        source="finetuning_args.py:593",
    ),
    Conflict(
        "pissa-stage",
        "pissa_init",
        ("stage", "pref_loss"),
        lambda r: (
            r.flag("pissa_init")
            and (
                _stage(r) in ("ppo", "kto")
                or (_stage(r) == "dpo" and r.get("pref_loss", text) not in ("orpo", "simpo"))
            )
        ),
        "pissa_init changes the base, so it is refused where the base serves as reference",
        source="finetuning_args.py:602",
    ),
)
