"""SkyPilot tasks and SLURM scripts: kind and number of GPUs, nodes, and the configs that they name."""

from __future__ import annotations

from typing import Any

import pytest

from vramlint.dialects.kit.launch_spec import LaunchSpec
from vramlint.dialects.kit.launches import of_batch_script, of_skypilot

RUN = "cd work\naccelerate launch -m axolotl.cli.train qlora.yaml\n"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"accelerators": "A100-80GB:8"}, ("A100-80GB", 8)),
        ({"accelerators": "L4"}, ("L4", 1)),
        ({"accelerators": {"H100": 4}}, ("H100", 4)),
        ({"accelerators": ["H100:8"]}, ("H100", 8)),
        ({"accelerators": ["H100:8", "A100:8"]}, None),
        ({"accelerators": {"H100": 4, "L4": 4}}, None),
        ({"cpus": 8}, None),
        ({"accelerators": 8}, None),
        (None, None),
    ],
)
def test_what_a_task_asks_for(resources: Any, expected: tuple[str, int] | None) -> None:
    launch = of_skypilot({"resources": resources, "run": RUN})
    assert (launch and (launch.gpu, launch.count)) == expected


def test_a_task_names_its_nodes_and_configs() -> None:
    task = {"resources": {"accelerators": "A100:8"}, "num_nodes": 2, "run": RUN, "workdir": "mistral"}
    assert of_skypilot(task) == LaunchSpec("A100", 8, 2, ("qlora.yaml", "mistral/qlora.yaml"))


def script(directives: str, body: str = "srun axolotl train configs/a.yaml") -> LaunchSpec | None:
    lines = "".join(f"#SBATCH {line}\n" for line in directives.split("; ") if line)
    return of_batch_script(f"#!/bin/bash\n{lines}\n{body}\n")


@pytest.mark.parametrize(
    ("directives", "expected"),
    [
        ("--gres=gpu:a100:4", ("a100", 4, 1)),
        ("--gres=gpu:8; --nodes=2", (None, 8, 2)),
        ("--gres=gpu; -N 1", (None, 1, 1)),
        ("--gpus-per-node=h100:8; -N2", ("h100", 8, 2)),
        ("--gpus=16; --nodes=2  # all", (None, 8, 2)),
        ("-G 4", (None, 4, 1)),
        ("--gres=shard:2,gpu:l40s:2(S:0-1)", ("l40s", 2, 1)),
        ("--nodes=2-4; --gpus-per-node=8", (None, 8, 2)),
        ("--time=01:00:00", (None, None, 1)),
    ],
)
def test_what_a_batch_script_asks_for(directives: str, expected: tuple[str | None, int | None, int]) -> None:
    launch = script(directives)
    assert launch is not None
    assert (launch.gpu, launch.count, launch.nodes) == expected
    assert launch.configs == ("configs/a.yaml",)


@pytest.mark.parametrize(
    ("command", "count"),
    [
        ("torchrun --nproc_per_node=4 train.py a.yaml", 4),
        ("torchrun --nproc-per-node 2 \\\n  train.py a.yaml", 2),
        ("accelerate launch --num_processes 16 train.py a.yaml", 8),
        ("# torchrun --nproc_per_node=1\ntune run --config a.yaml", 6),
    ],
)
def test_the_command_says_how_many_processes_run(command: str, count: int) -> None:
    launch = script("--nodes=2; --gpus-per-node=6", command)
    assert launch is not None
    assert launch.count == count


def test_variables_in_names_stand_for_anything() -> None:
    launch = script("-N 1", 'tune run lora --config "/configs/${SIZE}-lora.yaml" batch_size=2')
    assert launch is not None
    assert launch.configs == ("/configs/*-lora.yaml",)


@pytest.mark.parametrize(
    "text", ["", "echo hi\n", "#SBATCH", "#SBATCH \n#SBATCH --\n", "\0#SBATCH --gres=\n"]
)
def test_other_scripts(text: str) -> None:
    launch = of_batch_script(text)
    assert launch is None or launch.count is None or launch.count >= 1
