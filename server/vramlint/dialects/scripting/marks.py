"""What every program has in it that starts a run which is known here: a plain search passes over the rest."""

_CALLS = ("Trainer(", "run_exp(", "sft_main(", "rlhf_main(", "pt_main(", "load_cfg(", "Trainer (")
_LIBRARIES = ("transformers", "trl", "unsloth", "llamafactory", "axolotl", "swift")
_LINES = (
    "torchrun", "accelerate", "deepspeed", "axolotl", "llamafactory", "swift ", "tune run", "litgpt", "trl ",
    "torch.distributed", "verl.", "run_clm", "torchtitan", "openrlhf.",
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
    calls = any(mark.encode() in data for mark in _CALLS) and any(
        each.encode() in data for each in _LIBRARIES
    )
    rented = b"sagemaker" in data and b"entry_point" in data
    return (
        calls
        or _loops(data)
        or rented
        or b"Trainer.Config" in data
        or (_shells(data) and any(word in data for word in STARTS + _WORDS))
    )


_RUNS = (b"run:", b"command:", b"script:")


def holds_launch_lines(data: bytes) -> bool:
    """Whether a YAML file may hold a launch line: a task, a workflow."""
    return any(key in data for key in _RUNS) and any(word in data for word in STARTS)


def holds_lines(text: str) -> bool:
    """The same of a text."""
    return holds_launch_lines(text.encode())


def _loops(data: bytes) -> bool:
    """Whether there may be a training loop of its own over a model of transformers."""
    return b"transformers" in data and b"optim" in data and any(each in data for each in _MODELS)


def _shells(data: bytes) -> bool:
    """Whether there is a shell line of a notebook, or a call that starts a command."""
    return any(mark in data for mark in (b"\n!", b'"!', b"%%", b"subprocess", b"os.system"))
