"""`vramlint estimate --explain`: every printed figure follows from the factors that are printed beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli_running import ROOT, Run

GB, GIB, MB, MIB = 10**9, 2**30, 10**6, 2**20
DTYPES = {"float32": 4, "bfloat16": 2, "float16": 2, "int64": 8, "bool": 1, "uint8": 1, "int8": 1}
BOTH = re.compile(r"([\d.]+) (GB|MB) = ([\d.]+) (GiB|MiB)$")
PRODUCT = re.compile(r": ([\d,]+)(?: \(of [\d,]+\))? × ([\d.]+) bytes = ")
TENSOR = re.compile(r": (?:([\d,]+) × )?\[([\d,× ]+)\] (\w+) = ")
TRL = """# vramlint: gpu=A100-80GB
model_name_or_path: Qwen/Qwen2.5-7B
dataset_name: trl-lib/Capybara
max_length: 2048
per_device_train_batch_size: 2
gradient_checkpointing: true
bf16: true
"""
MIXTURE = """# vramlint: gpu=A100-80GBx8
vramlint: 1
model: Qwen/Qwen3-30B-A3B
objective: sft
method: full
precision: {weights: bfloat16}
optimizer: adamw
micro_batch_size: 1
sequence_length: 2048
attention: flash_attention_2
gradient_checkpointing: full
parallel: {strategy: fsdp2, data: 8}
"""
UNITS = {"GB": GB, "MB": MB, "GiB": GIB, "MiB": MIB}


def number(text: str) -> int:
    return int(text.replace(",", ""))


def printed(line: str) -> float:
    """Bytes of the figure at the end of a line, which its two units agree on."""
    found = BOTH.search(line)
    assert found is not None, line
    small, small_unit, large, large_unit = found.groups()
    size = float(small) * UNITS[small_unit]
    assert float(large) * UNITS[large_unit] == pytest.approx(size, rel=0.01, abs=0.012 * UNITS[large_unit])
    return size


def checked(text: str) -> int:
    """Recompute every product, sum and difference of a solution; how many there were."""
    count = 0
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if (product := PRODUCT.search(line)) is not None:
            elements, each = number(product[1]), float(product[2])
            assert printed(line) == pytest.approx(elements * each, rel=0.002, abs=0.006 * GB), line
            count += 1
        if (tensor := TENSOR.search(line)) is not None:
            elements = number(tensor[1] or "1")
            for side in tensor[2].split(" × "):
                elements *= number(side)
            made = elements * DTYPES[tensor[3]]
            assert printed(line) == pytest.approx(made, rel=0.01, abs=0.006 * GB), line
            count += 1
        if line.startswith(("weights:", "gradients:", "optimizer states:", "activations at the peak:")):
            under = []
            for below in lines[at + 1 :]:
                if not below.startswith("  "):
                    break
                if BOTH.search(below):
                    under.append(printed(below))
            if under:
                said = printed(line.partition(" GiB,")[0] + (" GiB" if " GiB," in line else ""))
                assert sum(under) == pytest.approx(said, rel=0.01, abs=0.03 * GB), line
                count += 1
        if line.startswith("before the first token:"):
            parts = [float(part) for part in line.partition(": ")[2].partition(" = ")[0].split(" + ")]
            assert sum(parts) * GB == pytest.approx(printed(line), abs=0.02 * GB)
            count += 1
        if line.startswith("the peak is"):
            parts = [float(part) for part in re.findall(r" ([\d.]+)(?: \+| =)", line)]
            total = float(re.findall(r"= ([\d.]+) GiB$", line)[0])
            assert sum(parts) == pytest.approx(total, abs=0.05), line
            count += 1
        if (left := re.fullmatch(r"  ([\d.]+) - ([\d.]+) = (-?[\d.]+) GiB", line)) is not None:
            assert float(left[1]) - float(left[2]) == pytest.approx(float(left[3]), abs=0.011)
            count += 1
        if (
            tokens := re.fullmatch(r"  ([\d,]+) × ([\d,]+) = ([\d,]+) tokens in a micro batch", line)
        ) is not None:
            assert number(tokens[1]) * number(tokens[2]) == number(tokens[3])
            head = re.search(r"([\d.]+) GB = [\d.]+ GiB, ([\d,]+) bytes a token", lines[at - 1])
            if head is not None:
                assert number(head[2]) * number(tokens[3]) == pytest.approx(
                    float(head[1]) * GB, abs=0.006 * GB
                )
            count += 1
    return count


@pytest.mark.parametrize(
    "path",
    [
        "examples/textbook-7b.job.yaml",
        "examples/textbook-1.5b.job.yaml",
        "examples/axolotl-llama-3.1-8b-full.yaml",
        "examples/axolotl-llama-3.1-8b-qlora.yaml",
        "examples/deepspeed-zero3/axolotl.yaml",
        "examples/llamafactory-qwen2.5-7b-lora.yaml",
        "examples/torchtitan-llama3-8b.toml",
    ],
)
def test_every_figure_follows_from_the_printed_factors(run: Run, path: str) -> None:
    outcome = run("estimate", "--explain", path)
    assert outcome.code == 0, outcome.err
    assert checked(outcome.out) >= 4


def test_a_sharded_mixture(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "mixture.yaml"
    config.write_text(MIXTURE, encoding="utf-8")
    text = run("estimate", "--explain", config).out
    assert checked(text) >= 15


def test_a_trainers_own_config(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "sft.yaml"
    config.write_text(TRL, encoding="utf-8")
    text = run("estimate", "--explain", config).out
    assert checked(text) >= 8
    assert "frozen" not in text


@pytest.mark.parametrize("options", [(), ("--explain",)])
def test_the_textbooks_sums_stand_in_plain_sight(run: Run, options: tuple[str, ...]) -> None:
    seven = run("estimate", *options, "examples/textbook-7b.job.yaml").out
    assert "before the first token: 14 + 14 + 56 = 84 GB = 78.23 GiB" in seven
    small = run("estimate", *options, "examples/textbook-1.5b.job.yaml").out
    assert "before the first token: 3 + 3 + 12 = 18 GB = 16.76 GiB" in small


def test_an_adapters_sizes_are_no_sum_of_a_textbook(run: Run) -> None:
    assert "before the first token" not in run("estimate", "examples/axolotl-llama-3.1-8b-qlora.yaml").out


def test_a_departure_from_the_textbook_says_why(run: Run) -> None:
    full = run("estimate", "--explain", "examples/axolotl-llama-3.1-8b-full.yaml").out
    why = "adamw_torch_fused keeps its two states in bfloat16, as the weights are: 4"
    assert f"the textbook counts 8 bytes; {why}" in full


def test_shares_of_a_sharded_model_are_of_the_whole(run: Run) -> None:
    folder = ROOT / "examples" / "deepspeed-zero3"
    text = "".join(
        run("estimate", "--explain", file).out for file in folder.iterdir() if file.suffix == ".yaml"
    )
    assert re.search(r"[\d,]+ \(of [\d,]+\) × ", text)


def test_the_stages_of_a_pipeline_are_a_table(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(MIXTURE.replace("{strategy: fsdp2, data: 8}", "{strategy: zero1, pipeline: 8}"))
    lines = [line.split() for line in run("estimate", file, "--explain").out.splitlines()]
    titles = next(line for line in lines if line[:2] == ["GiB", "layers"])
    rows = [line for line in lines if line[1:2] == ["stage"]]
    assert [row[0] for row in rows] == ["first", "middle", "last"]
    for row in rows:
        parts, total = row[4:-1], row[-1]
        assert len(parts) + 5 == len(titles)
        assert sum(map(float, parts)) == pytest.approx(float(total), abs=0.3)
