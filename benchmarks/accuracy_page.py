"""docs/accuracy.md, written from the answers."""

from __future__ import annotations

import statistics
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from accuracy_bands import held_unseen
from accuracy_causes import cause
from accuracy_figures import SUMMARY_HEAD, grouped, percent, summary, summary_row, table
from accuracy_unseen import unseen
from measured import COMPONENTS
from ours import Answer, of_dialect
from witnesses import section

GIB = 2**30
WORST = 20


def page(found: Sequence[Answer], peers: Mapping[str, Any], reported: Sequence[str] = ()) -> str:
    """The whole page; `reported`: its part on reported runs."""
    parts = (
        *_opening(found),
        *_truth(found),
        *section(),
        *_published(found),
        *_ran_out(found),
        *reported,
        *unseen(),
        *_band(found),
        *_worst(found),
        *_peers(found, peers),
        *_again(),
    )
    return "\n\n".join(_wrapped(part) for part in parts) + "\n"


def _wrapped(part: str) -> str:
    """Prose in lines of a readable length; tables and headings as they are."""
    if part.startswith(("|", "#")):
        return part
    return textwrap.fill(part, 118, break_long_words=False, break_on_hyphens=False)


def _opening(found: Sequence[Answer]) -> Iterator[str]:
    truth = summary(answer.error for answer in found if answer.case.data == "truth")
    jobs = of_dialect(_published_ok(found), "job")
    published = summary(answer.error for answer in jobs)
    sources = [
        summary(answer.error for answer in group)
        for group in grouped(jobs, lambda answer: answer.case.source).values()
    ]
    yield "# How accurate the estimates are"
    yield (
        "`benchmarks/accuracy.py` writes this page from its last run; only the causes of the worst rows "
        "are written by hand. Errors are relative: +10 % is an estimate ten percent above the "
        "measurement."
    )
    yield (
        "There are two kinds of measurement. **Counted steps** are real model classes of transformers run"
        " for one whole optimizer step, with every storage tracked from allocation to release; they give "
        "what `torch.cuda.max_memory_allocated()` would report, to the byte, and nothing else. "
        "**Published runs** are figures that other people measured on their GPUs with their software and "
        "published: real hardware, but often without exact versions, and rounded by their authors. Nobody"
        " who works on vramlint produced a published figure. Each is compared with the total that its "
        "metric means: allocated, reserved, or what the driver shows for the process. If the metric is "
        "not stated, it is compared with the nearest point in the range of totals that it can mean."
    )
    if truth is not None and published is not None:
        known = [source.median for source in sources if source is not None]
        yield table(
            ("", "runs", "median error", "90 % below", "within 10 %"),
            [
                [
                    "counted steps (each config file and job file)",
                    str(truth.count),
                    percent(truth.median),
                    percent(truth.p90),
                    percent(truth.within10),
                ],
                [
                    "published runs",
                    str(published.count),
                    percent(published.median),
                    percent(published.p90),
                    percent(published.within10),
                ],
                [
                    "published runs, mean over the sources of each one's median",
                    "",
                    percent(statistics.mean(known)),
                    "",
                    "",
                ],
            ],
        )


def _published_ok(found: Sequence[Answer]) -> list[Answer]:
    return [answer for answer in found if answer.case.data == "published" and not answer.case.ran_out]


def _breakdown(title: str, items: Sequence[Answer], key: Callable[[Answer], str]) -> str:
    rows = [
        summary_row(name, summary(answer.error for answer in group))
        for name, group in grouped(items, key).items()
    ]
    return table((title, *SUMMARY_HEAD[1:]), rows)


def _truth(found: Sequence[Answer]) -> Iterator[str]:
    items = [answer for answer in found if answer.case.data == "truth"]
    yield "## Counted steps"
    yield "By kind of file: the same case as a framework's own config and as a job file."
    yield _breakdown("dialect", items, lambda answer: answer.dialect)
    yield _breakdown("method", items, lambda answer: answer.case.method)
    yield _breakdown("family", items, lambda answer: answer.case.family)
    yield (
        "The components at the peak compared with the counted ones, over the cases where the component is"
        " larger than a mebibyte at that moment. In the counts, a gradient that is still being summed "
        "from two uses of one weight is a temporary until it is stored."
    )
    errors: dict[str, list[float]] = {name: [] for name in COMPONENTS}
    for answer in items:
        for name, error in answer.component_errors.items():
            errors[name].append(error)
    yield table(
        ("component", *SUMMARY_HEAD[1:]),
        [summary_row(name.replace("_", " "), summary(group)) for name, group in errors.items()],
    )
    right = [answer.phase_right for answer in items if answer.phase_right is not None]
    if right:
        share = percent(sum(right) / len(right))
        yield f"The phase of the peak is the counted one in {share} of {len(right)}."


def _published(found: Sequence[Answer]) -> Iterator[str]:
    items = of_dialect(_published_ok(found), "job")
    yield "## Published runs"
    yield _breakdown("source", items, lambda answer: answer.case.source)
    yield _breakdown("method", items, lambda answer: answer.case.method)
    yield _breakdown("sharding", items, lambda answer: answer.case.sharding)
    yield _breakdown("family", items, lambda answer: answer.case.family)
    yield _breakdown("metric", items, lambda answer: answer.case.detail["metric"])
    yield (
        "`fms-acceleration` has more than half of the records, and many of them differ by a single flag, "
        "so the mean over sources is the fairer number. The figures of `qwen-readme` are given in G, "
        "which is read as GiB and leaves an uncertainty of about 7 %."
    )


def _ran_out(found: Sequence[Answer]) -> Iterator[str]:
    items = [answer for answer in found if answer.case.ran_out]
    above = 0
    rows = []
    for answer in items:
        gpu = answer.said.get("gpu") or {}
        device, usable = answer.said.get("device_bytes"), gpu.get("usable_bytes")
        over = device is not None and usable is not None and device > usable
        above += over
        rows.append(
            [
                answer.case.id,
                str(gpu.get("name", "")),
                f"{usable / GIB:.1f}" if usable else "",
                f"{device / GIB:.1f}" if device else "",
                str(answer.said.get("verdict", "no estimate")).replace("_", " "),
            ]
        )
    yield "## Runs that are recorded as out of memory"
    yield f"{above} of {len(items)} are estimated above what their GPU gives."
    yield table(("run", "GPU", "usable GiB", "estimated GiB", "verdict"), rows, left=2)


def _band(found: Sequence[Answer]) -> Iterator[str]:
    items = [answer for answer in found if answer.inside is not None]
    yield "## The error band"
    yield (
        "Every estimate has a band, a relative half-width that should contain the measured figure in nine"
        " runs of ten. [memory-model.md](memory-model.md#the-error-band) explains how it is made; the "
        "table shows how often the figure was inside, and how wide the band was."
    )
    rows = []
    for name, group in [
        *grouped(
            items, lambda answer: f"{_kind(answer)}, {answer.case.method}, {answer.case.sharding}"
        ).items(),
        *grouped(items, lambda answer: f"**{_kind(answer)}**").items(),
        ("**all**", items),
    ]:
        widths = [answer.band for answer in group if answer.band is not None]
        inside = sum(bool(answer.inside) for answer in group) / len(group)
        rows.append(
            [
                name,
                str(len(group)),
                percent(inside),
                f"± {percent(statistics.median(widths))}",
                f"± {percent(max(widths))}",
            ]
        )
    yield table(("class", "estimates", "inside", "median band", "widest"), rows)
    unseen = held_unseen(
        [a for a in of_dialect(_published_ok(found), "job") if a.estimate and a.case.measured]
    )
    runs, held = sum(runs for runs, *_ in unseen.values()), sum(held for _, held, _ in unseen.values())
    yield (
        "Would a band hold for a new source? Each published run is compared with the band that the *other* "
        "sources' runs of its class need; the class is whether transformers' Trainer runs the steps, and "
        f"whether its releases were read. {percent(held / max(1, runs))} of {runs} are inside."
    )
    yield table(
        ("source left out", "runs", "inside", "widest band"),
        [
            [source, str(runs), percent(held / runs), f"± {percent(width)}"]
            for source, (runs, held, width) in unseen.items()
        ],
    )


def _kind(answer: Answer) -> str:
    return "counted" if answer.case.data == "truth" else "published"


def _worst(found: Sequence[Answer]) -> Iterator[str]:
    items = [answer for answer in of_dialect(found, "job") if not answer.case.ran_out]
    items.sort(key=lambda answer: -abs(answer.error) if answer.error is not None else -9.0)
    yield f"## The worst {WORST}"
    yield "Of all counted and published runs, each listed once, with what is known about the cause."
    rows = [
        [
            "no estimate" if answer.error is None else percent(answer.error, True),
            f"{(answer.case.measured or 0) / GIB:.2f}",
            answer.case.id,
            cause(answer.case),
        ]
        for answer in items[:WORST]
    ]
    yield table(("error", "measured GiB", "run", "cause"), rows, left=4)


def _peers(found: Sequence[Answer], peers: Mapping[str, Any]) -> Iterator[str]:
    about, said = peers["peers"], peers["bytes_or_reason"]
    items = [answer for answer in of_dialect(found, "job") if not answer.case.ran_out]
    yield "## Other estimators on the same runs"
    yield (
        "Each was given every run that its inputs can describe: the method, adapter, quantization, "
        "optimizer, dtype and sharding. A run that its inputs cannot describe is *not attempted* and is "
        "in none of its figures. A run is not left out for what an estimator does not consider at all "
        "(attention kernel, loss, versions), since the estimator gives its answer regardless. If an "
        "estimator separates overhead from tensors, runs measured as allocated bytes are compared without"
        " the overhead. The last columns are vramlint on exactly those runs."
    )
    yield table(
        ("estimator", "version", "", "what it can be told"),
        [[name, row["version"], row["how"], row["inputs"]] for name, row in about.items()],
        left=4,
    )
    for data, title in (("truth", "Counted steps"), ("published", "Published runs")):
        part = [answer for answer in items if answer.case.data == data]
        yield f"### {title}"
        yield _peer_table(part, said)
        for key, label in (
            (lambda answer: answer.case.method, "method"),
            (lambda answer: answer.case.source, "source"),
        ):
            if data == "truth" and label == "source":
                continue
            yield f"Median error by {label} (runs attempted):"
            yield _peer_matrix(part, said, key, label)
    yield "### Why runs were not attempted"
    yield table(
        ("estimator", "reasons, most frequent first"),
        [[name, _reasons(said[name])] for name in about],
        left=2,
    )


def _error(said: Mapping[str, Any], answer: Answer) -> float | None:
    value = said.get(answer.case.id)
    return value / answer.case.measured - 1 if isinstance(value, int) and answer.case.measured else None


def _peer_table(part: Sequence[Answer], said: Mapping[str, Any]) -> str:
    rows = []
    for name, answers in said.items():
        attempted = [answer for answer in part if _error(answers, answer) is not None]
        theirs, ours = (
            summary(_error(answers, answer) for answer in attempted),
            summary(answer.error for answer in attempted),
        )
        if theirs is None or ours is None:
            rows.append([name, f"0 of {len(part)}", *[""] * 6])
            continue
        rows.append(
            [
                name,
                f"{len(attempted)} of {len(part)}",
                percent(theirs.median),
                percent(theirs.p90),
                percent(theirs.within10),
                percent(theirs.bias, True),
                percent(ours.median),
                percent(ours.within10),
            ]
        )
    every = summary(answer.error for answer in part)
    if every is not None:
        answered = every.count - every.missing
        rows.append(
            [
                "**vramlint**",
                f"{answered} of {every.count}",
                percent(every.median),
                percent(every.p90),
                percent(every.within10),
                percent(every.bias, True),
                "",
                "",
            ]
        )
    return table(
        ("", "attempted", "median", "90 % below", "within 10 %", "bias", "ours: median", "ours: within 10 %"),
        rows,
    )


def _peer_matrix(
    part: Sequence[Answer], said: Mapping[str, Any], key: Callable[[Answer], str], label: str
) -> str:
    rows = []
    for name, group in grouped(part, key).items():
        cells = []
        for answers in said.values():
            found = summary(
                error for error in (_error(answers, answer) for answer in group) if error is not None
            )
            cells.append("" if found is None else f"{percent(found.median)} ({found.count})")
        own = summary(answer.error for answer in group)
        rows.append(
            [name, *cells, "" if own is None else f"{percent(own.median)} ({own.count - own.missing})"]
        )
    return table((label, *said, "vramlint"), rows)


def _reasons(said: Mapping[str, Any]) -> str:
    counted = Counter(value for value in said.values() if isinstance(value, str))
    return "; ".join(f"{reason.replace('|', '/')} ({count})" for reason, count in counted.most_common(6))


def _again() -> Iterator[str]:
    yield "## To run it again"
    yield (
        "The measured data is expected next to the checkout, in `../shared`. `python "
        "benchmarks/accuracy.py` runs vramlint on all of it and writes this page and "
        "`benchmarks/data/accuracy.json`, one row per estimate. `benchmarks/run_peers.py` runs the other "
        "estimators and writes `benchmarks/data/peers.json`; its first lines name the packages that it "
        "needs. `benchmarks/peers/` has one adapter per estimator."
    )
