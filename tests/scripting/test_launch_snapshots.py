"""What launch lines come to: every launcher and program of the tables, and all that is said of the cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from launch_cases import CASES
from test_launch_lines import runs

from vramlint.dialects.kit.run import Given, Run
from vramlint.dialects.launching.lines import runs_in
from vramlint.dialects.launching.options import ACCELERATE, COMPOSER, DEEPSPEED, TORCHRUN
from vramlint.dialects.launching.peel import _VALUED, _WRAPPERS
from vramlint.dialects.launching.programs import PROGRAMS
from vramlint_schemas import shipped_configs, torchtitan_configs

TRAIN = "train.py --size 4 -x model=gpt2"
LAUNCHERS = {
    "torchrun": (
        TORCHRUN,
        ("--nproc_per_node 4", "--nproc-per-node=gpu", "--nnodes 2", "--nnodes 1:4", "--master_port 1"),
    ),
    "accelerate launch": (
        ACCELERATE,
        ("--num_processes 4", "--num_machines=2", "--config_file a.yaml", "--mixed_precision bf16",
         "--use_fsdp", "--zero_stage 2", "--fsdp_offload_params true", "--gradient_accumulation_steps 4"),
    ),
    "deepspeed": (
        DEEPSPEED,
        ("--num_gpus 4", "--num_nodes=2", "--num_accelerators 3", "--include localhost:0,2,3",
         "--include=h@1:0", "-i a:1", "--exclude a:1", "--hostfile h"),
    ),
    "composer": (COMPOSER, ("-n 4", "--nproc=2", "--world_size 8", "--node_rank 1")),
}  # fmt: skip
OTHERS = (
    "python -m torch.distributed.run --nproc_per_node 4 -m a.b --size 4",
    "python3 -m accelerate.commands.launch --num_processes 4 train.py",
    "python -u -W ignore train.py --size=4",
    "python -c 'import a' train.py",
    "deepy.py train.py -d conf a b.yml",
    "oumi distributed torchrun -m oumi train -c a.yaml",
    "docker run --gpus 2 -e A=1 image torchrun --nproc_per_node 2 train.py",
    "docker run --gpus '\"device=1,3\"' image python train.py",
    "docker exec -it c python train.py",
    "env A=1 B=2 python train.py",
    "env -u A -i B=2 python train.py",
    "CUDA_VISIBLE_DEVICES=0,1 NPROC_PER_NODE=4 NNODES=2 swift sft --model gpt2",
    "uv run sft @ a.toml --model.name gpt2",
    "axolotl train a.yaml --launcher torchrun -- --nproc_per_node=2 --nnodes 2",
    "axolotl train a.yaml --launcher=python --no-sample-packing",
    "trl sft --config a.yaml --num_processes 4 --zero_stage 2 --no_packing",
    "tune run --nproc_per_node 2 --nnodes=2 recipe --config llama3/8B_full optimizer=a.B x=None",
    "if true; then torchrun train.py; fi",
    "for n in 1 2; do python train.py --size $n; done",
    "A=4; torchrun --nproc_per_node $A train.py --size ${A} --name $(date)",
)
SHIPPED = {
    "torchtune": "tune run --nproc_per_node 2 recipe --config {} batch_size=3 optimizer=a.B",
    "litgpt": "litgpt finetune_lora --config https://x.y/Lightning-AI/litgpt/main/config_hub/{} --train.x 1",
    "oumi": "oumi train -c oumi://{} --training.per_device_train_batch_size 3",
}
"""Lines that name a config of the framework's own."""


def lines() -> Iterator[str]:
    """Launch lines from the tables."""
    for wrapper in sorted(_WRAPPERS):
        yield f"{wrapper} --some x=1 torchrun --nproc_per_node 2 {TRAIN}"
        yield f"{wrapper} {TRAIN}"
    for launcher, options in _VALUED.items():
        for option in sorted(options):
            yield f"{launcher} {option} python torchrun --nproc_per_node 2 {TRAIN}"
    for launcher, (table, valued) in LAUNCHERS.items():
        for switch in sorted(table.switches):
            yield f"{launcher} {'-' if len(switch) == 1 else '--'}{switch} {TRAIN}"
        for option in valued:
            yield f"{launcher} {option} {TRAIN}"
    for program in PROGRAMS:
        name = program.name.replace("\\", "").partition("|")[0].replace("(?:.*/)?", "").replace(".*", "x")
        for subcommand in sorted(program.subcommands) or [""]:
            yield f"{name} {subcommand} --config a.yaml b.yaml --size 4 --no-size --flag key=1 +more=2 ~gone"
            yield f"python -m {name} {subcommand} gpt2 --size 4"
    yield from OTHERS
    for framework, line in SHIPPED.items():
        name, *_ = sorted(shipped_configs(framework))
        yield line.format(name)
    for module, named in sorted(torchtitan_configs().items())[:2]:
        yield f"python -m torchtitan.train --module {module} --config {min(named)} --training.seq_len 64"
    yield "torchrun train.py --module mine --config other --size 4"
    yield "python -m torchtitan.train --module mine --config other --training.seq_len 64"


def told(run: Run) -> Iterator[str]:
    """A line a fact, with the columns that decide it."""
    launch = run.launch
    yield f"  program {given(run.program)}, framework {run.framework}, by {', '.join(launch.by)}"
    for name in ("processes", "per_node", "nodes", "engine_file"):
        if (value := getattr(launch, name)) is not None:
            yield f"  {name} {given(value)}"
    for name, values in {"engine": launch.engine, "": run.arguments, "variable": run.environment}.items():
        yield from _values(name, values)
    for config in run.configs:
        yield f"  config {given(config)}"
    for unknown in run.open:
        yield f"  open: {unknown.field}, {unknown.why}"
    if run.trainer is not None:
        yield f"  {run.trainer}"


def _values(kind: str, values: Mapping[str, Given]) -> Iterator[str]:
    for key, value in values.items():
        yield f"  {kind} {key} = {given(value)}".replace("   ", "  ")


def given(value: Given) -> str:
    """The value and where it comes from."""
    place, used = value.place.span, value.used.span if value.used else None
    words = [f"{value.value!r} at {place.start}-{place.end}", value.how if value.how != "literal" else ""]
    words += [f"in {used.start}-{used.end}" if used else "", value.why]
    return " ".join(filter(None, words))


def test_what_a_launch_line_comes_to(snapshot: Callable[[str, str], None]) -> None:
    found: list[str] = []
    for line in dict.fromkeys(lines()):
        found += [line, *(fact for run in runs_in(line) for fact in told(run))]
    snapshot("launch-lines.txt", "\n".join(found) + "\n")


def test_all_that_is_said_of_a_case(tmp_path: Path, snapshot: Callable[[str, str], None]) -> None:
    found: list[str] = []
    for number, (case, (name, files, _)) in enumerate(CASES.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        found += ["", f"# {case}", ""]
        for run in runs(folder, name, files):
            found += [_field(name, field) for name, field in run.fields.items()]
            found.append("-")
    snapshot("launch-cases.txt", "\n".join(found).replace(str(tmp_path), "") + "\n")


def _field(name: str, field: Any) -> str:
    place = field.place
    where = f" at {place.document or 'here'} {place.span.start}-{place.span.end}" if place is not None else ""
    return f"{name}: {field.value!r}{where}"
