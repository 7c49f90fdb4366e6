"""Training loops that a script writes itself, and PyTorch Lightning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_scripting_runs import described, fields

from vramlint.analysis.programs import all_runs
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

HEAD = """\
import torch
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, AutoTokenizer
tok = AutoTokenizer.from_pretrained("Qwen/Qwen2.5-0.5B")
rows = data.map(lambda row: tok(row["text"], truncation=True, max_length=1024))
"""
PLAIN = (
    HEAD
    + """\
model = AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-0.5B", dtype=torch.bfloat16).cuda()
loader = DataLoader(rows, batch_size=4, shuffle=True)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
STEPS = 8
for step, batch in enumerate(loader):
    loss = model(**batch).loss / STEPS
    loss.backward()
    if (step + 1) % STEPS == 0:
        optimizer.step()
        optimizer.zero_grad()
"""
)


def one(tmp_path: Path, text: str, gpu: str | None = "A100-40GB") -> Any:
    (run,) = described(tmp_path, text, gpu=gpu)
    return run


def test_a_loop_of_its_own_is_a_run(tmp_path: Path) -> None:
    run = one(tmp_path, PLAIN)
    said = fields(run)
    assert said["framework"] == "own-loop"
    assert (said["micro_batch"], said["grad_accum"], said["seq_len"]) == (4, 8, 1024)
    assert (said["optimizer"], said["adapter"], said["quant"]) == ("adamw_torch", "none", "none")
    assert run.verdict == "fits"
    job = run.reading.job
    assert (job.precision.weights, job.precision.autocast) == ("bfloat16", "none")
    assert job.loop == "freed"  # what the model returned has no name while backward runs
    assert job.gradient_clipping is None


def test_outputs_with_a_name_live_through_backward(tmp_path: Path) -> None:
    text = PLAIN.replace("loss = model(**batch).loss", "outputs = model(**batch)\n    loss = outputs.loss")
    assert one(tmp_path, text).reading.job.loop == "plain"


def test_the_gradient_is_clipped_only_where_the_loop_does(tmp_path: Path) -> None:
    clipped = "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n        optimizer.step()"
    run = one(tmp_path, PLAIN.replace("optimizer.step()", clipped))
    assert run.reading.job.gradient_clipping == 1.0


@pytest.mark.parametrize(
    ("loop", "steps"),
    [
        ("for batch in loader:\n    model(**batch).loss.backward()\n    optimizer.step()\n", 1),
        (
            "for batch in loader:\n    for micro in range(6):\n        model(**batch).loss.backward()\n"
            "    optimizer.step()\n",
            6,
        ),
        (
            "for i, batch in enumerate(loader):\n    model(**batch).loss.backward()\n"
            "    if (i + 1) % 5 != 0:\n        continue\n    optimizer.step()\n",
            5,
        ),
        (
            "for i, batch in enumerate(loader):\n    model(**batch).loss.backward()\n    optimizer.step()\n"
            "    if i % 100 == 0:\n        scheduler.step()\n",
            1,
        ),
        (
            "for batch in loader:\n    for part in [0, 1, 2]:\n        model(**batch).loss.backward()\n"
            "    optimizer.step()\n",
            3,
        ),
    ],
)
def test_backward_passes_to_a_step(tmp_path: Path, loop: str, steps: int) -> None:
    run = one(tmp_path, PLAIN[: PLAIN.index("for step")] + loop)
    assert fields(run)["grad_accum"] == steps


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("batch_size=4", "batch_size=[4, 8]", "micro_batch"),
        ("max_length=1024", "max_length=[1024]", "seq_len"),
        ("max_length=1024", "max_length={'a': 1}", "seq_len"),
        ("batch_size=4", "batch_size=size()", "micro_batch"),
        ("max_length=1024", "max_length=longest(data)", "seq_len"),
        ('from_pretrained("Qwen/Qwen2.5-0.5B", d', "from_pretrained(input(), d", "model"),
        ("STEPS = 8", "STEPS = steps()", "grad_accum"),
        (
            "STEPS = 8",
            "for p in model.model.parameters():\n    p.requires_grad = False\nSTEPS = 8",
            "estimate",
        ),
        ("STEPS = 8", "model = torch.nn.parallel.DistributedDataParallel(model)\nSTEPS = 8", "ranks"),
        ("loss.backward()", "step_of(loss)", "estimate"),
        ("loss = model(**batch).loss", "loss = pulled(model(**batch).hidden_states)", "method"),
    ],
)
def test_what_is_open_is_named_and_there_is_no_verdict(
    tmp_path: Path, before: str, after: str, field: str
) -> None:
    run = one(tmp_path, PLAIN.replace(before, after))
    assert field in {each.field for each in run.open}
    assert field not in run.fields
    assert run.verdict == "unknown"


def test_autocast_of_a_loop(tmp_path: Path) -> None:
    text = PLAIN.replace(
        "    loss = ", '    with torch.autocast("cuda", dtype=torch.bfloat16):\n        loss = '
    )
    assert one(tmp_path, text).reading.job.precision.autocast == "bfloat16"
    text = PLAIN.replace("    loss = ", "    with torch.cuda.amp.autocast():\n        loss = ")
    assert one(tmp_path, text).reading.job.precision.autocast == "float16"


ACCELERATE = """\
from accelerate import Accelerator
import bitsandbytes as bnb
from peft import LoraConfig, get_peft_model
accelerator = Accelerator(gradient_accumulation_steps=16, mixed_precision="bf16")
model = get_peft_model(AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-0.5B"), LoraConfig(r=4))
loader = DataLoader(rows, batch_size=2, shuffle=True)
optimizer = bnb.optim.PagedAdamW8bit(model.parameters())
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
for batch in loader:
    with accelerator.accumulate(model):
        accelerator.backward(model(**batch).loss)
        optimizer.step()
"""


def test_accelerate_leaves_the_ranks_to_its_launcher(tmp_path: Path) -> None:
    run = one(tmp_path, HEAD + ACCELERATE)
    said = fields(run)
    assert (said["grad_accum"], said["micro_batch"], said["lora_r"]) == (16, 2, 4)
    assert said["optimizer"] == "paged_adamw_8bit"
    assert "ranks" in {each.field for each in run.open}


def test_outputs_that_accelerate_may_make_float32_are_open_where_they_are_kept(tmp_path: Path) -> None:
    text = HEAD + ACCELERATE.replace(', mixed_precision="bf16"', "").replace(
        "accelerator.backward(model(**batch).loss)",
        "outputs = model(**batch)\n        accelerator.backward(outputs.loss)",
    )
    run = one(tmp_path, text)
    assert "estimate" in {each.field for each in run.open}
    assert run.verdict == "unknown"


def test_a_shape_of_its_own_is_said_and_not_estimated(tmp_path: Path) -> None:
    own = """\
from transformers import AutoConfig
config = AutoConfig.from_pretrained("gpt2", n_embd=1280, n_layer=36, bos_token_id=1)
model = AutoModelForCausalLM.from_config(config)
"""
    text = PLAIN.replace(
        'model = AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-0.5B", dtype=torch.bfloat16).cuda()\n',
        own,
    )
    run = one(tmp_path, text)
    assert fields(run)["model"] == "gpt2 with n_embd 1280, n_layer 36"
    assert fields(run)["method"] == "pretrain"
    assert run.verdict == "unknown"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("AutoModelForCausalLM", "AutoModelForSequenceClassification"),
        PLAIN.replace("torch.optim.AdamW(model.parameters(), lr=1e-5)", "None"),
        "import torch\nfrom transformers import AutoModelForCausalLM\n"
        "def fit(model, rows):\n    opt = torch.optim.AdamW(model.parameters())\n    rows.loss.backward()\n",
    ],
)
def test_no_language_model_or_no_optimizer_is_no_run(tmp_path: Path, text: str) -> None:
    assert described(tmp_path, text) == []


LIGHTNING = """\
import lightning as L
BLOCK_SIZE = 512
class Rows(L.LightningDataModule):
    def __init__(self, size=4):
        self.size = size
    def train_dataloader(self):
        return DataLoader(data, batch_size=self.size, shuffle=True)
    def val_dataloader(self):
        return DataLoader(data, batch_size=64)
class Module(L.LightningModule):
    def __init__(self, name):
        super().__init__()
        self.model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
        self.model.gradient_checkpointing_enable()
    def training_step(self, batch, index):
        return self.model(**batch).loss
    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-5)
L.Trainer(devices=1, precision="bf16-mixed", accumulate_grad_batches=4).fit(Module("gpt2"), datamodule=Rows())
"""


def test_lightning(tmp_path: Path) -> None:
    run = one(tmp_path, HEAD.rpartition("tok =")[0] + LIGHTNING)
    said = fields(run)
    assert said["framework"] == "lightning"
    assert (said["model"], said["micro_batch"], said["grad_accum"], said["seq_len"]) == ("gpt2", 4, 4, 512)
    assert (said["optimizer"], said["grad_ckpt"], said["ranks"]) == ("adamw_torch", True, 1)
    assert run.verdict == "fits"


@pytest.mark.parametrize(
    ("given", "engine", "stage", "ranks"),
    [
        ('devices=4, strategy="fsdp"', "fsdp", None, 4),
        ("devices=2, num_nodes=3, strategy='deepspeed_stage_3'", "deepspeed", 3, 6),
        ("devices=[0, 1]", "ddp", None, 2),
        ("devices=-1", "none", None, None),
    ],
)
def test_strategies_of_lightning(
    tmp_path: Path, given: str, engine: str, stage: int | None, ranks: int | None
) -> None:
    text = HEAD.rpartition("tok =")[0] + LIGHTNING.replace("devices=1", given)
    said = fields(one(tmp_path, text))
    assert (said["engine"], said.get("zero_stage"), said.get("ranks")) == (engine, stage, ranks)


def test_processes_that_know_nothing_of_one_another_share_nothing(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text(PLAIN)
    (tmp_path / "lit.py").write_text(
        HEAD.rpartition("tok =")[0] + LIGHTNING.replace("devices=1", "devices=4")
    )
    (tmp_path / "go.sh").write_text("true\ntorchrun --nproc_per_node 4 fit.py\npython lit.py\n")
    document, overrides = Document.read(str(tmp_path / "go.sh")), Overrides(gpu="A100-80GB")
    around = Workspace(tmp_path).surroundings(document.path, overrides)
    alone, together = all_runs(document, around, overrides)
    assert (fields(alone)["engine"], fields(alone)["ranks"]) == ("none", 4)
    assert alone.reading.job.parallel.strategy == "none"
    assert (fields(together)["engine"], fields(together)["ranks"]) == ("ddp", 4)
    assert document.lines.line(together.run.launch.place.span.start) == 2


ENGINE = (
    HEAD
    + """\
import deepspeed
config = {
    "train_micro_batch_size_per_gpu": 2,
    "gradient_accumulation_steps": 4,
    "optimizer": {"type": "AdamW", "params": {"lr": 1e-5}},
    "bf16": {"enabled": True},
    "zero_optimization": {"stage": 2},
}
model = AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-0.5B", dtype=torch.bfloat16)
engine, *_ = deepspeed.initialize(model=model, model_parameters=model.parameters(), config=config)
for batch in DataLoader(rows, batch_size=2):
    loss = engine(**batch).loss
    engine.backward(loss)
    engine.step()
"""
)


def test_an_engine_makes_its_optimizer_and_counts_micro_batches(tmp_path: Path) -> None:
    run = one(tmp_path, ENGINE, gpu="A100-40GBx2")
    said = fields(run)
    assert (said["engine"], said["zero_stage"], said["optimizer"]) == ("deepspeed", 2, "AdamW")
    assert (said["micro_batch"], said["grad_accum"], said["ranks"]) == (2, 4, 2)
    job = run.reading.job
    assert (job.optimizer, job.precision.master_weights) == ("deepspeed_adamw", "float32")
    assert run.verdict == "fits"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"type": "AdamW"', '"type": "OneBitAdam"', "optimizer"),
        ('"gradient_accumulation_steps": 4,', '"train_batch_size": 16,', "grad_accum"),
        ("config=config", "config=args.config", "optimizer"),
    ],
)
def test_what_an_engines_config_leaves_open(tmp_path: Path, old: str, new: str, field: str) -> None:
    assert old in ENGINE
    run = one(tmp_path, ENGINE.replace(old, new), gpu="A100-40GBx2")
    assert field in {item.field for item in run.open}
    assert run.verdict == "unknown"


def test_an_engine_reads_its_config_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "zero.json").write_text(
        '{"gradient_accumulation_steps": 8, "optimizer": {"type": "Adam", "params": {"torch_adam": true}},'
        ' "train_micro_batch_size_per_gpu": 3, "zero_optimization": {"stage": 1}}'
    )
    text = ENGINE.replace("config=config", 'training_data=rows, config="zero.json"')
    text = text.replace("in DataLoader(rows, batch_size=2)", "in loader")
    said = fields(one(tmp_path, text, gpu="A100-40GBx2"))
    assert (said["micro_batch"], said["grad_accum"], said["zero_stage"]) == (3, 8, 1)
