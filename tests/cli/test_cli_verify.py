"""`vramlint verify`: sizes, trainers' logs and memory snapshots beside an estimate."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from cli_running import Run

CONFIG = """# vramlint: gpu=A100-80GB
model_name_or_path: Qwen/Qwen2.5-1.5B
dataset_name: trl-lib/Capybara
output_dir: out
max_length: 2048
per_device_train_batch_size: 2
gradient_checkpointing: true
bf16: true
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "sft.yaml"
    path.write_text(CONFIG)
    return path


def estimated(run: Run, config: Path, *more: str) -> int:
    text = config.read_text()
    config.write_text(text + "".join(more))
    found = run("estimate", config, "--format", "json").json
    config.write_text(text)
    return int(found["peak_allocated_bytes"])


def test_a_figure_inside_the_band_agrees(run: Run, config: Path) -> None:
    size = estimated(run, config) / 2**30
    outcome = run("verify", config, "--measured", f"{size:.1f}GiB")
    assert outcome.code == 0
    assert outcome.out.endswith("agrees\n")
    assert run("verify", config, "--measured", f"{size * 1024:.0f} MiB").code == 0
    assert run("verify", config, "--measured", f"{size * 2**30 / 1e9:.1f}GB").code == 0


def test_a_figure_outside_of_it_names_the_component(run: Run, config: Path) -> None:
    """The weights were loaded in 16 bits after all: neither key nor default of this release says so."""
    other = estimated(run, config, "dtype: bfloat16\n")
    outcome = run("verify", config, "--measured", f"{other}B")
    assert outcome.code == 1
    assert "with precision.weights: bfloat16 it would be" in outcome.out
    found = run("verify", config, "--measured", f"{other}B", "--format", "json").json
    assert (found["agrees"], found["total"]) == (False, "allocated")
    assert found["differs"] in ("weights", "optimizer states")
    assert found["explanations"][0]["field"] == "precision.weights"


def test_other_totals(run: Run, config: Path) -> None:
    totals = run("estimate", config, "--format", "json").json
    for name, key in (("reserved", "peak_reserved_bytes"), ("process", "process_bytes")):
        assert run("verify", config, "--measured", f"{totals[key]}B", "--as", name).code == 0


def write(tmp_path: Path, name: str, value: Any) -> Path:
    path = tmp_path / name
    path.write_bytes(pickle.dumps(value) if name.endswith("pickle") else json.dumps(value).encode())
    return path


def test_what_transformers_logs_is_compared_by_part(run: Run, config: Path, tmp_path: Path) -> None:
    sizes = run("estimate", config, "--format", "json").json["component_sizes"]
    log = {
        "before_init_mem_gpu": sizes["weights"],
        "init_mem_gpu_alloc_delta": 0,
        "train_mem_gpu_alloc_delta": 2 * sizes["optimizer_states"],
        "train_mem_gpu_peaked_delta": sizes["activations"],
    }
    state = write(tmp_path, "trainer_state.json", {"log_history": [{"loss": 1.0}, log]})
    outcome = run("verify", config, "--measured", state)
    assert outcome.code == 1
    assert "differs: optimizer states" in outcome.out
    assert "gradients and activations" in outcome.out


def test_what_axolotl_logs(run: Run, config: Path, tmp_path: Path) -> None:
    size = estimated(run, config) / 2**30
    logs = [{"memory/max_allocated (GiB)": 1.0}, {"memory/max_allocated (GiB)": round(size, 2)}]
    assert run("verify", config, "--measured", write(tmp_path, "s.json", {"log_history": logs})).code == 0


def frames(*names: str) -> list[dict[str, Any]]:
    return [{"filename": name.partition(":")[0], "name": name.partition(":")[2], "line": 1} for name in names]


def snapshot() -> dict[str, Any]:
    """4 GiB of weights and 2 of states at the end, and 1 GiB of activations that were gone by then."""
    gib = 2**30
    blocks = [
        {
            "address": 0,
            "size": 4 * gib,
            "state": "active_allocated",
            "frames": frames("m.py:from_pretrained"),
        },
        {
            "address": 4 * gib,
            "size": 2 * gib,
            "state": "active_allocated",
            "frames": frames("torch/optim/adamw.py:step"),
        },
        {"address": 6 * gib, "size": gib, "state": "inactive", "frames": []},
    ]
    forward = frames("torch/nn/modules/module.py:_call_impl")
    trace = [
        {"action": "alloc", "addr": 6 * gib, "size": gib, "frames": forward},
        {"action": "free_requested", "addr": 6 * gib, "size": gib, "frames": forward},
        {"action": "free_completed", "addr": 6 * gib, "size": gib, "frames": forward},
        {"action": "alloc", "addr": 4 * gib, "size": 2 * gib, "frames": blocks[1]["frames"]},
    ]
    segment = {"device": 0, "address": 0, "total_size": 7 * gib, "blocks": blocks}
    return {"segments": [segment], "device_traces": [trace]}


@pytest.mark.parametrize("name", ["snapshot.pickle", "snapshot.json"])
def test_a_snapshot_tells_what_was_alive_at_its_peak(
    name: str, run: Run, config: Path, tmp_path: Path
) -> None:
    found = run("verify", config, "--measured", write(tmp_path, name, snapshot()), "--format", "json").json
    assert found["measured_bytes"] == 6 * 2**30
    parts = {tuple(part["components"]): part["measured_bytes"] for part in found["parts"]}
    assert parts == {("weights",): 4 * 2**30, ("optimizer_states",): 2 * 2**30}
    assert found["differs"]


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, (str(Path(os.environ["EVIL"])),)


def test_a_pickle_that_would_run_code_is_refused(
    run: Run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVIL", str(tmp_path / "made"))
    outcome = run("verify", config, "--measured", write(tmp_path, "evil.pickle", {"segments": Evil()}))
    assert outcome.code == 2
    assert "which no memory snapshot does: not read" in outcome.err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"log_history": []}', "it logs no memory"),
        (b'{"a": 1}', "neither a trainer_state.json nor a memory snapshot"),
        (b"\x80\x04]", "not a pickle of a memory snapshot"),
        (b"not json", "neither JSON nor a memory snapshot"),
        (b'{"segments": []}', "the snapshot has no segments"),
    ],
)
def test_what_tells_no_figure_is_refused(
    content: bytes, said: str, run: Run, config: Path, tmp_path: Path
) -> None:
    path = tmp_path / "measured"
    path.write_bytes(content)
    outcome = run("verify", config, "--measured", path)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_file_that_is_not_there(run: Run, config: Path) -> None:
    outcome = run("verify", config, "--measured", "41.2")
    assert outcome.code == 2
    assert "give a size such as 41.2GiB" in outcome.err
