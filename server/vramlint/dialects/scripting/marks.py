"""What every program has in it that starts a run which is known here: a plain search passes over the rest."""

MARKS = ("Trainer(", "run_exp(", "sft_main(", "rlhf_main(", "pt_main(", "load_cfg(", "Trainer (")
LIBRARIES = ("transformers", "trl", "unsloth", "llamafactory", "axolotl", "swift")


def may_train(text: str) -> bool:
    """Whether a program can start a run that is known here."""
    return any(mark in text for mark in MARKS) and any(name in text for name in LIBRARIES)
