"""Our estimate beside the tracker's measurement (tracker.py) for many model classes: writes classes.md and
classes.json.

Configs keep each family's real widths, heads and ratios; depth and vocabulary are cut (CUT) so that layers,
not logits, make the peak and a mistake in a layer shows. Measurements are kept in classes.json under a key of
config and setting, so that a second run measures only what is new.

    python benchmarks/classes.py [family …]      # in an environment with torch, transformers and peft
    python benchmarks/classes_page.py            # the page alone, from the measurements that are kept
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "benchmarks")]

from class_configs import CLASSES, EAGER_ONLY, EXPERTS, LABELS, MIXER_TARGETS, MIXERS, SHORT, job_of  # noqa: E402
from classes_page import DATA, write_page  # noqa: E402
from tracker import Setting, config_of, track  # noqa: E402

from vramlint.memory import estimate_job  # noqa: E402

SETTINGS = dict(
    zip(
        LABELS,
        (
            Setting(batch=2, length=1024),
            Setting(weights="float32", autocast="bfloat16", batch=2, length=1024, checkpointing="full"),
            Setting(method="lora", autocast="bfloat16", batch=2, length=1024, lora_dropout=0.05),
            Setting(method="lora", autocast="bfloat16", batch=2, length=1024, checkpointing="full"),
            Setting(batch=2, length=512, attention="eager", checkpointing="full", optimizer="adamw_torch"),
        ),
        strict=True,
    )
)


def measured(
    data: dict[str, Any], name: str, values: dict[str, Any], label: str, setting: Setting
) -> dict[str, Any]:
    """The tracker's answer, from the file where it is there already."""
    key = json.dumps([values, asdict(setting)], sort_keys=True)
    if key not in data:
        tracked = track(config_of(values), setting)
        data[key] = {
            "class": name,
            "setting": label,
            "peak": tracked.peak,
            "phase": tracked.peak_phase,
            "phases": tracked.phase_peaks,
            "parameters": tracked.parameters,
            "tied_excess": tracked.tied_excess,
        }
        write(data)
    return {**data[key], "key": key}


def write(data: dict[str, Any]) -> None:
    """Keep the measurements, one a line."""
    rows = (f"{json.dumps(key)}: {json.dumps(row)}" for key, row in sorted(data.items()))
    DATA.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def main() -> None:
    """Compare all classes, or those named."""
    wanted = sys.argv[1:]
    data = json.loads(DATA.read_text()) if DATA.exists() else {}
    kept = {}
    for name, values in CLASSES.items():
        if wanted and name not in wanted:
            continue
        for label, setting in SETTINGS.items():
            if name in EAGER_ONLY:
                setting = replace(setting, attention="eager", length=512)
            if name in EXPERTS:
                setting = replace(setting, lora_dropout=0.0)
            if name in MIXERS:
                setting = replace(setting, lora_targets=MIXER_TARGETS)
            if name in SHORT:
                setting = replace(setting, batch=4, length=512)
            try:
                truth = measured(data, name, values, label, setting)
                ours = estimate_job(job_of(values, asdict(setting)))
            except Exception as problem:
                print(
                    f"{name:18s} {label:36s} {type(problem).__name__}: {str(problem).splitlines()[0][:120]}",
                    flush=True,
                )
                continue
            error = ours.peak_allocated_bytes / truth["peak"] - 1
            phases = {phase: int(ours.phase_peaks[phase]) for phase in truth["phases"]}
            kept[truth["key"]] = data[truth["key"]]
            detail = "  ".join(
                f"{p[:3]} {(phases[p] - v) / 2**20:+.1f}/{v / 2**20:.0f}" for p, v in truth["phases"].items()
            )
            off = ours.parameters - truth["parameters"]
            print(
                f"{name:18s} {label:36s} {error:+8.2%} {detail}" + (f"  PARAMETERS {off:+,}" if off else ""),
                flush=True,
            )
    if not wanted:
        write(kept)
        write_page()


if __name__ == "__main__":
    main()
