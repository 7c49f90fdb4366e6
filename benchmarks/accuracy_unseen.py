"""Public runs that the model was tried on once, and what that found: a section of docs/accuracy.md.

The configs were written from other people's files and tables and are not kept here, so that these figures are
those of one day, unlike the rest of the page. `data/unseen.jsonl` and `data/unseen_third.jsonl` have the
second and the third sample run by run: where it is from, what was measured, and what was said before and
after.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accuracy_figures import grouped, table


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


DATA = Path(__file__).resolve().parent / "data"
SECOND, THIRD = DATA / "unseen.jsonl", DATA / "unseen_third.jsonl"
ABOUT_SECOND = """\
A second sample, of November 2026: notebooks, example files and guides whose authors print what their runs
took, as they are in their repositories and without a version, and threads with the versions that they
name. Most lengths are limits that the data need not reach, and a notebook's figure is of the release that
ran when it was made; no run was left out for either. Two notebooks were left out that show the output of
another."""
CAUSES_SECOND = """\
What was wrong, by weight: models whose layers Unsloth leaves to transformers, which were not estimated, and
attention that it never computes whole; the quantization that TRL's trainers are given for a model that they
load by its name; quantized models of which only a parameter count is known; engines of ms-swift before
`vllm_mode`; Unsloth under LLaMA-Factory and ms-swift. What is left: notebooks of 2024 and 2025 under the
Unsloth of those days, whose loss took half of the free memory; checkpoints that keep some linears out of 4
bits and do not say which in their name; accelerate up to 1.10, which reduces gradients of every micro batch
under FSDP 2 and which no key of Axolotl's files dates; what transformers 5.0 to 5.5 read ahead of
quantization; embedding and speech models; rows far below the limit of their length."""
VERDICTS_SECOND = """\
Of the wrong verdicts that are left, three are of gradients that accelerate up to 1.10 reduced at every
micro batch, three of rows far below a limit of 8,192 or 500,000 tokens, and one file does not say that it is
for several GPUs. None of the five threads shows what held the memory: one of them asks for 8.8 GiB of logits
where the longest rows would have needed 12.5, and is said to need 59 GiB of 79."""

ABOUT_THIRD = """\
A third sample, of November 2026 too: guides and tables whose authors give figures or say what ran out of
memory, and threads with a launch line or config and a GPU, of releases from 2022 to 2026. A thread that names
no release has the one of its date, and lengths are limits. Where a source leaves out a batch size or an
adapter's modules, its framework's default was taken before anything was estimated."""
CAUSES_THIRD = """\
What was wrong: PPO of OpenRLHF before Ray, of which the actor alone was counted; scripts that load a model
without a dtype, which was float32 before transformers 5; attention that was eager in older releases of
LLaMA-Factory and OpenRLHF; the first fine-tuning trainer of verl, which kept all activations; encoders that
classify, which were given the logits of their language head. What is left:
limits of length that the data do not reach (estimates of PEFT's runs are 9 to 14 % high whatever the adapter,
those of GLM's more); what the driver shows of runs with large batches, where batches of 64 rows are taken to
differ in length as single rows do (57 to 95 % too high). No cause is known for the four runs that ran out
of memory with the verdict `fits`: an 8B adapter on 48 GB, a 9B preference run whose GPUs are said to hold
40 to 80 GB, 32,768 tokens of a 72B model in 4 bits under Unsloth, and 14B over eight GPUs under verl, of
which no length is known."""


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
    first = ["## Runs that were new to the model", ABOUT, table(head, rows), VERDICTS, CAUSES]
    head[2] = "with a figure"
    second, third = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (SECOND, THIRD)
    )
    return [
        *first,
        *_sample(ABOUT_SECOND, head, second),
        VERDICTS_SECOND,
        CAUSES_SECOND,
        *_sample(ABOUT_THIRD, head, third),
        CAUSES_THIRD,
    ]


def _sample(about: str, head: Sequence[str], runs: Sequence[dict[str, Any]]) -> list[str]:
    """What a sample is, its figures and its verdicts."""
    return [about, table(head, list(_by_source(runs))), _verdicts(runs)]


def _by_source(runs: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    """A row for each source, and one for all."""
    groups = {**grouped(runs, lambda run: run["source"]), "**all**": runs}
    for name, group in groups.items():
        before, after = ([_error(run, key) for run in group] for key in ("first_gib", "gib"))
        missing = [sum(run[key] is None for run in group) for key in ("first_gib", "gib")]
        yield [
            name,
            str(len(group)),
            str(sum(run["measured_gib"] is not None for run in group)),
            _both((_median(before), _median(after)), " %"),
            _both((_within(before), _within(after)), " %"),
            f"{missing[0]} → {missing[1]}",
        ]


def _error(run: dict[str, Any], key: str) -> float | None:
    """Relative, where there are a figure and an estimate."""
    return run[key] / run["measured_gib"] - 1 if run[key] and run["measured_gib"] else None


def _median(errors: Sequence[float | None]) -> str:
    found = [abs(each) for each in errors if each is not None]
    return f"{100 * statistics.median(found):.1f}" if found else ""


def _within(errors: Sequence[float | None]) -> str:
    found = [abs(each) for each in errors if each is not None]
    return f"{100 * sum(each <= 0.1 for each in found) / len(found):.0f}" if found else ""


def _verdicts(runs: Sequence[dict[str, Any]]) -> str:
    """How often a verdict was wrong, before and now."""
    alarms, missed = (
        [
            sum(run["outcome"] == happened and run[key] == said for run in runs)
            for key in ("first_verdict", "verdict")
        ]
        for happened, said in (("ran", "does_not_fit"), ("oom", "fits"))
    )
    ran = sum(run["outcome"] == "ran" and run["gib"] is not None for run in runs)
    out = sum(run["outcome"] == "oom" for run in runs)
    return (
        f"Of {ran} runs that trained and have an estimate, {alarms[1]} have the verdict `does not fit` "
        f"({alarms[0]} before). Of {out} that ran out of memory, {missed[1]} have the verdict `fits` "
        f"({missed[0]} before)."
    )


def _both(pair: tuple[str, str], unit: str) -> str:
    return " → ".join(f"{one or '–'}{unit if one else ''}" for one in pair) if any(pair) else "no figures"
