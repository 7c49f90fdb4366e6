"""Keys that hold no GPU memory in any framework, told by the words of their names. What is in no table and
has none of these words is not modelled, which is another thing to say.
"""

from __future__ import annotations

import re

from vramlint.document.node import KeyPath

_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_FREE = frozenset(
    word
    for words in (
        "lr rate decay beta betas beta1 beta2 eps epsilon momentum warmup scheduler annealing nesterov",
        "epochs epoch seed shuffle deterministic patience stopping",
        "log logging logger report wandb mlflow tensorboard swanlab comet neptune project entity tags notes",
        "output dir directory folder hub push username repo url token private overwrite resume",
        "dataset datasets data split column columns template prompt preprocessing proc prepared streaming",
        "save saves saving every interval limit keep metric metrics progress tqdm disable",
        "dropout label smoothing temperature version comment description author license",
    )
    for word in words.split()
)
"""How fast it learns, what is logged and where, what the data is, when to save."""


def costs_nothing(path: KeyPath) -> bool:
    """Whether the key, or a section that it is in, is of a kind that holds no GPU memory."""
    return any(
        _FREE.intersection(word.lower() for word in _WORDS.findall(part))
        for part in path
        if isinstance(part, str)
    )
