"""Public runs that the model was tried on once, and what that found: a section of docs/accuracy.md.

The configs were written from other people's files and tables and are not kept here, so that these figures are
those of one day, unlike the rest of the page.
"""

from __future__ import annotations

from typing import NamedTuple

from accuracy_figures import table


class Source(NamedTuple):
    """Runs of a source, and figures before and after the faults that they showed were fixed.

    `exact`: runs whose rows have one known length and a figure.
    """

    name: str
    runs: int
    exact: int
    errors: tuple[str, str]
    within: tuple[str, str]
    unanswered: tuple[int, int]


SOURCES = (
    Source("torchtitan's tables, H100 and H200", 21, 21, ("7.6", "4.9"), ("52", "81"), (0, 0)),
    Source("prime-rl's benchmark", 55, 46, ("61.7", "6.1"), ("0", "78"), (7, 7)),
    Source("ms-swift's example scripts", 183, 34, ("13.1", "11.2"), ("36", "47"), (61, 53)),
    Source("Megatron-Bridge's tables, H100 to GB300", 24, 0, ("", ""), ("", ""), (0, 0)),
    Source("threads of LLaMA-Factory and Axolotl", 9, 0, ("", ""), ("", ""), (0, 0)),
)


ABOUT = """\
Configs written from public files and tables that had played no part in the work, as vramlint met them
and after the faults that they showed were fixed. The first figure of a pair says what to expect of a
config that nobody has looked at; the second is of the fixed model on the same runs. The configs are not
kept here."""
VERDICTS = """\
Of 222 runs that trained and have an estimate, none whose lengths are known has the verdict `does not
fit` (4 of 214 before). 9 have it at a length limit that their data need not reach, one of them with a
loss in chunks that is not read. Of 10 that ran out of memory, 2 have the verdict `fits` (3 before): one
is from a thread without a traceback, the other asks for random weights, which is not read."""
CAUSES = """\
What was wrong, by weight: defaults of older releases of a framework; gathered weights counted once for
each micro batch in flight; a compiled loss; adapters on the experts of Megatron; one process that
spreads a model over several GPUs; an engine for completions that takes its cache back after it has the
weights. What is left: image towers under Megatron, losses of embedding models, and how unevenly a router
fills experts."""


def unseen() -> list[str]:
    """The section."""
    head = ["source", "runs", "with an exact figure", "median error", "within 10 %", "no estimate"]
    rows = [
        [
            each.name,
            str(each.runs),
            str(each.exact),
            _both(each.errors, " %"),
            _both(each.within, " %"),
            f"{each.unanswered[0]} → {each.unanswered[1]}",
        ]
        for each in SOURCES
    ]
    return ["## Runs that were new to the model", ABOUT, table(head, rows), VERDICTS, CAUSES]


def _both(pair: tuple[str, str], unit: str) -> str:
    return " → ".join(f"{one}{unit}" for one in pair) if pair[0] else "no figures"
