"""Our estimate beside real trainers (trainers.py): writes trainers.json and trainers.md.

Each run is in the file with the recipe that says it, the model's config and what was measured, so that the
tests ask for the estimate of the recipe. A second run measures only what is new.

    python benchmarks/trainer_runs.py        # in an environment with torch, transformers, trl, peft, datasets
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "schemas"), str(ROOT / "benchmarks")]

from trainer_setups import LLAMA, Setting, recipe  # noqa: E402
from trainers import track  # noqa: E402

from vramlint.catalog.models import Models  # noqa: E402
from vramlint.dialects import detect  # noqa: E402
from vramlint.dialects.kit.dialect import Context  # noqa: E402
from vramlint.memory import estimate_job  # noqa: E402

DATA, TABLE = ROOT / "benchmarks" / "trainers.json", ROOT / "benchmarks" / "trainers.md"
NARROW = {"hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 96}
TIED = {"tie_word_embeddings": True}
MIXTURE = {
    "model_type": "qwen3_moe",
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 1024,
    "head_dim": 64,
    "vocab_size": 4000,
}


def saved(*modules: str) -> dict[str, Any]:
    """Modules trained whole beside the adapter."""
    return {"modules_to_save": list(modules)}


SINKS = {
    "model_type": "gpt_oss",
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "head_dim": 64,
    "num_key_value_heads": 2,
    "vocab_size": 2000,
}
"""gpt-oss' eager attention."""
BF16 = {"weights": "bfloat16"}
DEEP = {"num_hidden_layers": 8, "vocab_size": 2000, "head_dim": 64}
"""Deep and narrow in words, so that the layers make the peak."""
LIGER = {
    "model": DEEP,
    "checkpointing": False,
    "micro_batch_size": 4,
    "sequence_length": 512,
    "arguments": {"use_liger_kernel": True},
}
RUNS: dict[str, Setting] = {
    "SFT": Setting(),
    "SFT, bf16 weights": Setting(**BF16),
    "SFT, no autocast": Setting(**BF16, autocast=False),
    "SFT, LoRA": Setting(**BF16, method="lora"),
    "SFT, LoRA, float32 base": Setting(method="lora"),
    "SFT, two tiles of tokens": Setting(
        micro_batch_size=20,
        model={
            "hidden_size": 64,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "intermediate_size": 96,
        },
    ),
    "SFT, LoRA, tied head": Setting(method="lora", model=TIED, **BF16),
    "SFT, LoRA, tied head saved": Setting(method="lora", model=TIED, adapter=saved("lm_head"), **BF16),
    "SFT, LoRA, tied embedding saved": Setting(
        method="lora", model=TIED, adapter=saved("embed_tokens"), **BF16
    ),
    "SFT, LoRA, tied pair saved": Setting(
        method="lora", model=TIED, adapter=saved("embed_tokens", "lm_head"), **BF16
    ),
    "SFT, LoRA, by an expression": Setting(
        method="lora",
        adapter={"target_modules": r"model\.layers\.[13]\.(self_attn|mlp)\.\w+_proj"},
        model={"num_hidden_layers": 4},
        **BF16,
    ),
    "SFT, LoRA on experts": Setting(
        method="lora", model=MIXTURE, adapter={"target_parameters": ["mlp.experts.gate_up_proj"]}, **BF16
    ),
    "SFT, DoRA": Setting(**BF16, method="dora"),
    "SFT, sinks": Setting(**BF16, model=SINKS, checkpointing=False, sequence_length=512),
    "SFT, sinks, LoRA": Setting(
        **BF16, method="lora", model=SINKS, adapter={"target_modules": ["q_proj", "v_proj"]}
    ),
    "SFT, Liger": Setting(**BF16, **LIGER),
    "SFT, Liger, float32 weights": Setting(**LIGER),
    "SFT, Liger, LoRA": Setting(**BF16, **LIGER, method="lora"),
    "SFT, Liger, checkpointing": Setting(**BF16, **LIGER | {"checkpointing": True}),
    "SFT, Liger, Qwen3": Setting(**BF16, **LIGER | {"model": {**DEEP, "model_type": "qwen3"}}),
    "SFT, Liger, Gemma 2": Setting(
        **BF16,
        **LIGER | {"model": {**DEEP, "model_type": "gemma2"}},
    ),
    "SFT, Liger, Phi-3": Setting(**BF16, **LIGER | {"model": {**DEEP, "model_type": "phi3"}}),
    "DPO": Setting("dpo"),
    "DPO, LoRA": Setting("dpo", method="lora", **BF16),
    "KTO": Setting("kto"),
    "KTO, LoRA": Setting("kto", method="lora", **BF16),
    "GRPO": Setting("grpo"),
    "GRPO, LoRA": Setting("grpo", method="lora", **BF16),
    "ORPO": Setting("orpo"),
    "ORPO, bf16 without autocast": Setting("orpo", **BF16, autocast=False),
    "ORPO, LoRA": Setting("orpo", method="lora", **BF16),
    "GKD": Setting("gkd"),
    "GKD, beta 0": Setting("gkd", arguments={"beta": 0.0}),
    "GKD, beta 1": Setting("gkd", arguments={"beta": 1.0}),
    "GKD, LoRA": Setting("gkd", method="lora", **BF16),
    "reward": Setting("reward"),
}


def estimated(run: dict[str, Any]) -> Any:
    """Our estimate of the run's recipe."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model").mkdir()
        (Path(folder) / "model" / "config.json").write_text(json.dumps(run["config"]))
        dialect = detect(run["recipe"]).dialect
        assert dialect is not None
        found = dialect.read(
            run["recipe"], Context(Models(), folder, gpu_declared=True, versions=run["versions"])
        )
    assert found.job is not None, found.obstacle
    return estimate_job(found.job)


def main() -> None:
    """Measure what is new, write the data and the table."""
    data = json.loads(DATA.read_text()) if DATA.exists() else {}
    for name, setting in RUNS.items():
        key = asdict(setting)
        if name not in data or data[name]["setting"] != key:
            tracked = track(setting)
            data[name] = {
                "setting": key,
                "measured": {
                    "phases": tracked.phase_peaks,
                    "weights": tracked.weights,
                    "states": tracked.states,
                    "beside": tracked.beside,
                },
            }
        data[name] |= {
            "recipe": recipe(setting),
            "config": {**LLAMA, **setting.model},
            "versions": {"trl": "1.16"},
        }
        DATA.write_text(json.dumps(data, indent=1) + "\n")
    data = {name: data[name] for name in RUNS}
    DATA.write_text(json.dumps(data, indent=1) + "\n")
    rows = []
    for name, run in data.items():
        estimate, phases = estimated(run), run["measured"]["phases"]
        phase = max(phases, key=lambda one: phases[one])
        said = phase if phase == estimate.peak_phase else f"{phase}, ours {estimate.peak_phase}"
        peak, ours = phases[phase] / 2**20, estimate.peak_allocated_bytes / 2**20
        rows.append(f"| {name} | {peak:,.1f} | {ours:,.1f} | {ours / peak - 1:+.2%} | {said} |")
        print(rows[-1])
        for one, size in phases.items():
            print(f"    {one:10s} {size / 2**20:10,.2f} {estimate.phase_peaks.get(one, 0) / 2**20:10,.2f}")
    TABLE.write_text(
        "# The estimate beside TRL's trainers\n\n"
        "`training_step` of the real trainers (TRL 1.16, transformers 5.24, PEFT 0.21.2, torch 2.13)\n"
        "on small models, made by trainer_runs.py. MiB.\n\n"
        "| run | measured | estimate | error | phase |\n| --- | ---: | ---: | ---: | --- |\n"
        + "\n".join(rows)
        + "\n"
    )


if __name__ == "__main__":
    main()
