"""What every program has in it that starts a run which is known here: a plain search passes over the rest."""

import re

_TRAINERS = (b"Trainer(", b"Trainer (")
_MAINS = (b"sft_main(", b"rlhf_main(", b"pt_main(")
_CALLS = (b"run_exp(", b"load_cfg(")
_LIBRARIES = (b"transformers", b"trl", b"unsloth", b"llamafactory", b"axolotl", b"swift")
_LINES = (
    "torchrun", "accelerate", "deepspeed", "axolotl", "llamafactory", "swift ", "tune run", "litgpt", "trl ",
    "torch.distributed", "verl.", "run_clm", "torchtitan", "openrlhf.", "megatron", "lmf ", "train_bash",
    "swift/cli", "train/train.py", "llmfoundry", "oumi ", "unsloth", "prime_rl", "sft @", "rl @", "automodel",
    "deepy", "scripts/finetune",
)  # fmt: skip
"""One of them is in every script that starts a run which is estimated."""
_MODELS = (b"CausalLM", b"LMHeadModel", b"ForConditionalGeneration", b"Seq2SeqLM")
"""Classes of language models."""
STARTS = tuple(word.encode() for word in _LINES)
_WORDS = tuple(f"{quote}{word}{quote}".encode() for word in ("tune", "swift", "trl") for quote in "'\"")
"""The same as an item of a list."""


def may_train(text: str) -> bool:
    """Whether a program can start a run that is known here."""
    return starts_run(text.encode())


def starts_run(data: bytes) -> bool:
    """The same of a program's content."""
    return (
        _calls(data)
        or _loops(data)
        or (b"__main__" in data and b"train" in data and _BRINGS_TRAINING.search(data) is not None)
        or (b"entry_point" in data and b"sagemaker" in data)
        or (_shells(data) and any(word in data for word in STARTS + _WORDS))
    )


_BRINGS_TRAINING = re.compile(
    rb"^[ \t]*(?:from|import)[ \t][^\n(]*(?:\([^)]*)?train(?!_test_split)", re.MULTILINE
)
"""A program that leaves the training to a module of its project: an import that is called so."""
_RUNS = (b"run:", b"command:", b"script:")


def holds_launch_lines(data: bytes) -> bool:
    """Whether a YAML file may hold a launch line: a task, a workflow."""
    return any(key in data for key in _RUNS) and any(word in data for word in STARTS)


def holds_lines(text: str) -> bool:
    """The same of a text."""
    return holds_launch_lines(text.encode())


def _calls(data: bytes) -> bool:
    """Whether a trainer is called, or declared by its `Config`."""
    trainer = b"Trainer" in data  # once through most programs, not three times
    if trainer and b"Trainer.Config" in data:
        return True
    called = (
        (trainer and any(call in data for call in _TRAINERS))
        or any(call in data for call in _CALLS)
        or (b"_main(" in data and any(call in data for call in _MAINS))
    )
    return called and any(library in data for library in _LIBRARIES)


def _loops(data: bytes) -> bool:
    """Whether there may be a training loop of its own over a model of transformers."""
    return b"transformers" in data and b"optim" in data and any(each in data for each in _MODELS)


def _shells(data: bytes) -> bool:
    """Whether there is a shell line of a notebook (`!pip`, `%%bash`), or a call that starts a command."""
    before = {each[-1:] for each in data.split(b"!")[:-1]}
    return (
        b"\n" in before
        or (b'"' in before and b"cells" in data)  # a notebook's lines are strings
        or b"" in data.split(b"%")[1:-1]
        or b"subprocess" in data
        or b"os.system" in data
    )
