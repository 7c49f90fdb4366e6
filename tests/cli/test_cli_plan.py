"""`vramlint plan`: layouts that the model, the cluster and the framework admit, that fit, best first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_running import ROOT, Run

import vramlint
from vramlint.analysis.layouts import cluster_of, layouts_for
from vramlint.catalog.gpus import find_gpu
from vramlint.catalog.rates import rates_of
from vramlint.catalog.table import FOLDER, Table
from vramlint.lazy_dataclasses import replace
from vramlint.planning.candidates import ANY, MEANS, families, layouts
from vramlint.planning.layout import Family, Layout
from vramlint.planning.products import Matrix, filled_up, waste
from vramlint.planning.stages import stages
from vramlint.planning.step_time import Setting, step_time
from vramlint.planning.work import Work, work_of

PUBLISHED = [
    json.loads(line)
    for line in (ROOT / "tests" / "data" / "published_layouts.jsonl").read_text(encoding="utf-8").splitlines()
]
_GPU = find_gpu("H100-80GB")
assert _GPU is not None
H100 = _GPU
LLAMA_70B = Work(
    layers=80,
    hidden=8192,
    heads=64,
    kv_heads=8,
    attention_width=8192,
    key_value_width=1024,
    vocabulary=128256,
    dense=68_451_041_280,
    experts=0,
    head=1_050_673_152,
    parameters=70_553_706_496,
)
BLOOM = """# vramlint: gpu=A100-80GBx8
vramlint: 1
model: bigscience/bloom
objective: pretrain
method: full
precision: {weights: bfloat16, master_weights: float32, optimizer_states: float32, gradients: float32}
optimizer: adamw
micro_batch_size: 2
sequence_length: 2048
attention: flash_attention_2
packing: true
"""
AXOLOTL = """base_model: meta-llama/Llama-3.1-8B
datasets: [{path: tatsu-lab/alpaca, type: alpaca}]
sequence_len: 4096
micro_batch_size: 1
gradient_accumulation_steps: 8
bf16: true
"""


def gpu_of(row: Any) -> str:
    return str(row["job"]["gpu"]).split(" x")[0]


def planned(run: Run, file: Path, *arguments: str) -> Any:
    outcome = run("plan", file, "--format", "json", *arguments)
    assert outcome.code == 0, outcome.err
    return outcome.json


def config(folder: Path, text: str) -> Path:
    file = folder / "run.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("gpus", [8, 48, 512])
def test_degrees_divide_what_they_share(gpus: int) -> None:
    found = list(families(LLAMA_70B, gpus, 16384, ANY))
    assert found
    for family in found:
        assert family.tensor * family.pipeline * family.context * family.data == gpus
        assert family.tensor <= 8
        assert LLAMA_70B.heads % family.tensor == 0
        assert family.expert == 1
        assert 16384 // family.context >= 4096
        for layout in layouts(family, LLAMA_70B, 1536, ANY):
            assert layout.micro_batch * layout.accumulation * family.data == 1536
            assert family.pipeline == 1 or layout.accumulation >= family.pipeline


def test_a_framework_is_offered_what_it_has() -> None:
    assert all(family.pipeline == 1 for family in families(LLAMA_70B, 64, 8192, MEANS["transformers"]))
    assert {family.sharding for family in families(LLAMA_70B, 64, 8192, MEANS["torchtitan"])} == {"fsdp2"}


def test_more_of_a_resource_never_takes_longer() -> None:
    gpu = find_gpu("H100-80GB")
    rates = rates_of(gpu) if gpu else None
    assert rates is not None
    setting = Setting(LLAMA_70B, rates, 8192)
    for family in families(LLAMA_70B, 64, 8192, ANY):
        for layout in layouts(family, LLAMA_70B, 512, ANY):
            time = step_time(layout, setting)
            assert min(time.compute, time.exchange, time.bubble, time.sharding, time.optimizer) >= 0
            # 6 FLOP a parameter and token at the full rate is the least that there can be.
            least = 6 * LLAMA_70B.dense * 512 * 8192 / 64 / rates.matmul16
            assert time.total > least


def test_every_rate_belongs_to_a_known_gpu() -> None:
    names = [record["name"] for record in Table(FOLDER / "rates.jsonl")]
    assert len(names) == len(set(names)) >= 14
    for name in names:
        gpu = find_gpu(name)
        assert gpu is not None
        assert gpu.name == name
        assert rates_of(gpu) is not None


def test_blooms_layout_is_among_the_first(run: Run, tmp_path: Path) -> None:
    """384 A100 in tensor 4, pipeline 12, data 8 (bigscience, train/tr11-176B-ml/README.md)."""
    answer = planned(run, config(tmp_path, BLOOM), "--nodes", "48", "--global-batch", "2048")
    assert answer["gpus"] == 384
    degrees = [(each["tensor"], each["pipeline"], each["data"]) for each in answer["proposals"]]
    assert (4, 12, 8) in degrees
    for each in answer["proposals"]:
        assert each["tensor"] * each["pipeline"] * each["context"] * each["data"] == 384
        assert each["verdict"] in ("fits", "tight")
        assert sum(each["seconds"].values()) == pytest.approx(each["step_seconds"])


def test_a_trainers_config_is_offered_its_own_keys(run: Run, tmp_path: Path) -> None:
    answer = planned(run, config(tmp_path, AXOLOTL), "--gpus", "8xH100")
    assert answer["gpus"] == 8
    assert answer["proposals"]
    assert all(each["pipeline"] == each["virtual_stages"] == 1 for each in answer["proposals"])


def test_what_cannot_be_planned_says_why(run: Run, tmp_path: Path) -> None:
    file = config(tmp_path, AXOLOTL)
    assert "no GPU is declared" in run("plan", file).err
    assert "is not known" in run("plan", file, "--gpus", "8xT4").err
    assert "--nodes" in run("plan", file, "--gpus", "8xH100", "--nodes", "0").err
    assert run("plan", file, "--gpus", "8xH100", "--nodes", "0").code == 2


def test_the_text_says_where_the_time_goes(run: Run, tmp_path: Path) -> None:
    text = run("plan", config(tmp_path, AXOLOTL), "--gpus", "8xH100").out
    assert " 1. " in text
    assert "about " in text
    assert "compute " in text


def test_states_are_shared_inside_groups_where_a_whole_cluster_is_too_wide() -> None:
    """HSDP: 1,024 GPUs gather each layer over a node or a few, and copy the groups."""
    found = list(families(LLAMA_70B, 1024, 4096, MEANS["torchtitan"]))
    flat = [each for each in found if (each.tensor, each.pipeline, each.context) == (1, 1, 1)]
    assert {each.replicas for each in flat} == {1, 2, 4, 8, 16, 32, 64, 128}
    assert all(each.sharded * each.replicas == each.data for each in flat)
    rates = rates_of(H100)
    assert rates is not None
    setting = Setting(LLAMA_70B, rates, 4096)
    seconds = {
        each.replicas: step_time(Layout(each, 1, 2, recompute="full"), setting).sharding for each in flat
    }
    assert seconds[16] < seconds[1]


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row["id"])
def test_published_degrees_are_among_the_first_ten(row: Any) -> None:
    """Layouts that practitioners published; `benchmarks/plan.py` tells of more, also those that are not."""
    layouts = vramlint.plan(row["job"], gpus=f"{row['gpus']}x{gpu_of(row)}", global_batch=row["global_batch"])
    degrees = [(each.tensor, each.pipeline, each.context, each.expert) for each in layouts]
    assert (row["tensor"], row["pipeline"], row["context"], row["expert"]) in degrees


def test_the_last_wave_of_tiles_is_paid_whole() -> None:
    """NVIDIA's guide, "Wave Quantization": 108 processors take 108 tiles at a time."""
    full, over = Matrix(128 * 27, 1024, 1), Matrix(128 * 28, 1024, 1)
    forward_alone = 1e9
    assert waste([full], 1, 256 * 4, forward_alone, 108) == pytest.approx(1, rel=1e-6)
    assert waste([over], 1, 256 * 4, forward_alone, 108) == pytest.approx(2 * 108 / 112, rel=1e-6)
    assert waste([over], 1, 256 * 4, 1, None) == 1


def test_a_small_product_fills_tiles_alone() -> None:
    assert waste([Matrix(256, 1024, 1)], 1, 1024, 1e9, 108) == pytest.approx(1, rel=1e-6)


def test_tensor_parallelism_makes_narrow_products() -> None:
    matrices = [Matrix(4 * 14336, 14336, 1, "outputs"), Matrix(14336, 4 * 14336, 1, "inputs")]
    by_tensor = [waste(matrices, tensor, 2048, 2, 108) for tensor in (1, 8)]
    by_tokens = [waste(matrices, 8, tokens, 2, 108) for tokens in (2048, 8192)]
    assert 1 <= by_tensor[0] < by_tensor[1]
    assert 1 <= by_tokens[1] < by_tokens[0]


MIXTURE = replace(LLAMA_70B, experts=60_000_000_000, expert_count=128, top=8)


def test_a_token_crosses_the_network_once_for_each_node() -> None:
    """Eight of 128 experts lie on both of two nodes nearly always; those of groups on as many nodes."""
    assert MIXTURE.reached(1) == 1
    assert MIXTURE.reached(2) == pytest.approx(2, abs=0.02)
    assert 4 < MIXTURE.reached(8) < 8
    limited = replace(MIXTURE, groups=8, group_top=4)
    assert limited.reached(8) == 4
    assert limited.reached(2) < 2


def test_experts_of_more_tokens_have_whole_tiles() -> None:
    """Half a tile of 128 rows is lost for each expert."""
    assert filled_up(64) == 2
    assert filled_up(4096) == pytest.approx(1, abs=0.02)
    rates = rates_of(H100)
    assert rates is not None
    setting = Setting(MIXTURE, rates, 4096)
    alone, shared = (Layout(Family(1, 1, 1, expert, 8, "zero1"), 1, 1) for expert in (1, 8))
    assert step_time(alone, setting).compute > step_time(shared, setting).compute


def test_context_parallelism_is_for_activations_that_overflow() -> None:
    """Rows that fit whole are not cut up; where they would have to be computed again they are, and come
    first (NeMo's own recipe of this model on 8 H100: context 2).
    """

    def contexts(gpu: str) -> list[int]:
        found = vramlint.estimate(
            {
                "vramlint": 1,
                "model": "meta-llama/Llama-3.1-8B",
                "gpu": f"{gpu} x8",
                "sequence_length": 8192,
                "attention": "flash_attention_2",
                "packing": True,
                "optimizer": "adamw",
                "loss": "fused-cross-entropy",
                "loop": "freed",
            }
        ).analysis
        return [each.context for each in layouts_for(cluster_of(found, None, 64), 4)]

    assert contexts("B200") == [1, 1, 1, 1]
    assert contexts("H100-80GB")[0] == 2


@pytest.mark.parametrize(
    ("layers", "pipeline", "fullest", "last"),
    [(80, 8, 10, 10), (70, 12, 6, 5), (126, 16, 8, 7), (61, 16, 4, 2), (61, 2, 31, 30), (78, 12, 7, 6)],
)
def test_stages_of_a_pipeline(layers: int, pipeline: int, fullest: int, last: int) -> None:
    assert stages(layers, pipeline) == (fullest, last)


def test_the_matrices_of_a_model_are_its_dense_part() -> None:
    for name in ("meta-llama/Llama-3.1-8B", "Qwen/Qwen3-30B-A3B"):
        job = vramlint.estimate({"vramlint": 1, "model": name, "sequence_length": 512}).analysis.job
        assert job is not None
        work = work_of(job)
        assert sum(each.outputs * each.inputs * each.count for each in work.matrices) == work.dense
        assert {each.split for each in work.matrices} >= {"outputs", "inputs"}


@pytest.mark.parametrize(
    "example",
    ["gpt-neox-pythia-1.4b.yml", "llm-foundry-mpt-7b.yaml", "litgpt-llama-3.2-1b-lora.yaml"],
)
def test_a_framework_is_not_offered_what_it_lacks(run: Run, example: str) -> None:
    options = ("--gpus", "8xA100-80GB", "--nodes", "2", "--global-batch", "256")
    proposals = run("plan", f"examples/{example}", *options, "--format", "json").json["proposals"]
    assert proposals
    for each in proposals:
        if example.startswith("gpt-neox"):
            assert (each["sharding"], each["context"], each["virtual_stages"]) == ("zero1", 1, 1)
        else:
            assert (each["tensor"], each["pipeline"], each["context"]) == (1, 1, 1)
            assert each["sharding"] in ("ddp", "fsdp2")


def test_what_the_file_cannot_say_is_named_beside_what_it_says(run: Run, tmp_path: Path) -> None:
    """An accelerate config, or a launch line, says how oumi shares what it trains."""
    file = tmp_path / "run.yaml"
    file.write_text((ROOT / "examples" / "oumi-llama-3.1-8b-lora.yaml").read_text(), encoding="utf-8")
    proposal = planned(run, file, "--gpus", "16xH100", "--global-batch", "256")["proposals"][0]
    assert set(proposal["keys"]) <= {
        "training.per_device_train_batch_size",
        "training.gradient_accumulation_steps",
    }
    assert proposal["keys"]
    assert proposal["unsaid"] == ["parallel.strategy"]


def test_torchtitans_global_batch_is_the_one_that_was_asked_for(run: Run) -> None:
    options = ("--gpus", "8xA100-40GB", "--nodes", "2", "--global-batch", "256")
    answer = run("plan", "examples/torchtitan-llama3-8b.toml", *options, "--format", "json").json
    written = [each["keys"].get("training.global_batch_size") for each in answer["proposals"]]
    assert set(written) <= {256, None}
    assert any(written)


def test_a_pipelines_first_middle_and_last_stage_are_told(run: Run, tmp_path: Path) -> None:
    file = config(tmp_path, BLOOM)
    options = ("--nodes", "48", "--global-batch", "2048")
    for each in planned(run, file, *options)["proposals"]:
        names = [stage["name"] for stage in each["stages"]]
        ends = ["first stage", "last stage"]
        middle = [ends[0], "middle stage", ends[1]]
        assert names == {1: [], 2: ends}.get(each["pipeline"], middle)
        for stage in each["stages"]:
            assert sum(stage["components"].values()) == stage["device_bytes"]
        if each["stages"]:
            assert max(stage["device_bytes"] for stage in each["stages"]) == each["device_bytes"]
    lines = run("plan", file, *options).out.splitlines()
    assert any(line.lstrip().startswith("first stage ") for line in lines)
    assert any("logits and loss" in line for line in lines)


def test_a_layout_is_written_into_the_file(run: Run, tmp_path: Path) -> None:
    file = config(tmp_path, AXOLOTL)
    proposals = planned(run, file, "--gpus", "8xH100")["proposals"]
    number = next(place for place, each in enumerate(proposals, 1) if each["tensor"] == 2)
    done = run("plan", file, "--gpus", "8xH100", "--apply", str(number))
    assert done.code == 0, done.err
    assert "tensor 2" in done.out
    text = file.read_text(encoding="utf-8")
    assert "tensor_parallel_size: 2" in text
    assert text.startswith("base_model: meta-llama/Llama-3.1-8B\ndatasets: [{path: tatsu-lab/alpaca")
    again = run("estimate", file, "--gpu", "H100 x8", "--format", "json").json
    assert again["device_bytes"] == proposals[number - 1]["device_bytes"]
    missing = run("plan", file, "--gpus", "8xH100", "--apply", "99")
    assert (missing.code, "no such layout" in missing.err) == (2, True)


def test_degrees_that_the_framework_lacks_are_named(run: Run, tmp_path: Path) -> None:
    """A recipe of TRL says no tensor degree, and none is offered."""
    file = tmp_path / "run.yaml"
    file.write_text((ROOT / "examples" / "trl-sft-tight.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    answer = planned(run, file, "--gpus", "16xH100")
    assert answer["not_offered"] == ["tensor", "pipeline", "context"]
    assert all(each["tensor"] == each["context"] == each["pipeline"] == 1 for each in answer["proposals"])
    assert "tensor, pipeline, context degrees" in run("plan", file, "--gpus", "16xH100").out


def test_more_gpus_than_a_node_has_are_several_nodes(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    text = (ROOT / "examples" / "prime-rl-qwen3-1.7b-sft.toml").read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    keys = planned(run, file, "--gpus", "32xH100", "--global-batch", "64")["proposals"][0]["keys"]
    assert (keys["deployment.num_train_nodes"], keys["deployment.gpus_per_node"]) == (4, 8)


def test_a_host_that_waits_for_each_kernel_makes_few_large_ones_better(run: Run, tmp_path: Path) -> None:
    """CUDA_LAUNCH_BLOCKING is in the environment of the launch."""
    example = ROOT / "examples" / "openrlhf-llama-3.1-8b-dpo.sh"
    seconds = []
    for first in "", "export CUDA_LAUNCH_BLOCKING=1\n":
        file = tmp_path / "run.sh"
        file.write_text(first + example.read_text(encoding="utf-8"), encoding="utf-8")
        proposals = planned(run, file, "--gpus", "8xH100")["proposals"]
        alike = [each for each in proposals if each["tensor"] == 1]
        seconds.append(min(each["seconds"]["compute"] for each in alike))
    assert seconds[0] < seconds[1]
