"""The page of performance, from its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]
KINDS = {"copies": "copies of four", "sweeps": "eight of a run", "varied": "each another run"}
ASKED = ("change → diagnostics", "hover after it", "completion with totals", "completion")


def page(found: Figures, speed: Figures, day: Figures) -> str:
    """The page."""
    sections = (
        *(_head(found), _starts(found["starts"]), _one(found["one"]), _trees(found["trees"])),
        *(_editor(found["editor"]), _day(day), _tracker(speed)),
    )
    return "\n".join(line for section in sections for line in (*section, ""))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The first column is text, the others are numbers."""
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---', *['--:'] * (len(head) - 1)])} |"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def _head(found: Figures) -> list[str]:
    return [
        "# Performance",
        "",
        "Written by `python benchmarks/performance.py`; its figures: `benchmarks/data/performance.json`.",
        "",
        f"One run on {found['machine']}, Python {found['python']}, with a load of {found['load']} when it "
        "began. Times are of processor, of all processes of a command, where nothing else is said.",
    ]


def _starts(starts: Mapping[str, float]) -> list[str]:
    bare = starts["python -c pass"]
    rows = ((f"`{name}`", f"{ms:.0f}", f"{ms / bare:.1f}") for name, ms in starts.items())
    return ["## Starts", "", *_table(("command", "ms, least", "bare starts of Python"), rows)]


def _one(rows: Sequence[Figures]) -> list[str]:
    first = rows[0]["cpu_ms"]
    cells = (
        (row["what"], f"{row['cpu_ms']:.0f}", f"{row['wall_ms']:.0f}", f"{row['cpu_ms'] / first:.2f}")
        for row in rows
    )
    return [
        "## One file",
        "",
        "A small file of each checker's own kind, cold; medians. ruff and zizmor are compiled.",
        "",
        *_table(("checker", "ms", "ms on the clock", "times the first"), cells),
    ]


def _trees(trees: Sequence[Figures]) -> list[str]:
    head = ("files", "configs", "reading, s", "check, s", "times reading", "ms a config", "MiB", "ruff, s")
    return [
        "## Many files",
        "",
        'Two files of a hundred are training configs. "Reading" is walking and reading the same files in '
        "plain Python. Memory is the most that all processes held at once. ruff looks at the Python files "
        "alone.",
        "",
        "Configs are copies of four; or sweeps, in which eight files have one run with other learning rates "
        "and names; or each is another run, of one of forty models with its own batch, length and adapter.",
        "",
        *_table(head, map(_tree, trees)),
        "",
        "Of a config that is another run, half of the time is the allocator's replay, which decides verdicts "
        "near the limit, and most of the rest the search for fixes where it does not fit; parsing takes a "
        "millisecond, walking the model's step another one or two for each candidate. Equal runs are "
        "estimated once.",
    ]


def _tree(tree: Figures) -> tuple[str, ...]:
    configs = tree["files"] / 50
    beyond = tree["check"]["processor"] - tree["reading"]["processor"]
    return (
        f"{tree['files']:,}",
        KINDS[tree["kind"]],
        f"{tree['reading']['processor']:.2f}",
        f"{tree['check']['processor']:.2f}",
        f"{tree['times']:.1f}",
        f"{1000 * beyond / configs:.1f}",
        f"{tree['peak_mib']:.0f}",
        f"{tree['ruff']['processor']:.2f}" if "ruff" in tree else "",
    )


def _editor(editor: Figures) -> list[str]:
    rows = [row for row in editor["rows"] if row["what"] in ASKED and row["lines"] in (90, 5_000)]
    cells = (
        (
            f"{row['server']}, {row['what']}",
            f"{row['lines']:,}",
            *(f"{row[name]:.1f}" for name in ("wall_median", "wall_p95", "cpu_median", "cpu_p95")),
        )
        for row in rows
    )
    started, bare = editor["initialize_cpu"].values()
    resident = ", ".join(f"{name} {mib:.0f} MiB" for name, mib in editor.get("resident_mib", {}).items())
    return [
        "## Editor",
        "",
        "A config of Axolotl is edited at one number, and asked about at once. The YAML server has the same "
        "schema. Milliseconds.",
        "",
        *_table(("server", "lines", "clock", "95 %", "processor", "95 %"), cells),
        "",
        f"`initialize`: {1000 * started:.0f} ms, a bare pygls server {1000 * bare:.0f} ms "
        f"({started / bare:.2f} times). Resident after {editor['rounds']} changes of 90 lines: {resident}.",
    ]


def _day(day: Figures) -> list[str]:
    edits, documents, many, kills = (day[name] for name in ("edits", "documents", "open", "kills"))
    cells = (
        (
            f"{each['times']:,} {name}",
            f"{each['idle_mib']:.0f}",
            f"{each['end_mib']:.0f}",
            f"{each['growth_mib']}",
        )
        for name, each in (("edits of the whole text", edits), ("documents opened and closed", documents))
    )
    return [
        "## A long day",
        "",
        f"A server's own process, measured by `benchmarks/long_life.py` on {day['machine']}, Python "
        f"{day['python']}. Growth is from the end of the first tenth on.",
        "",
        *_table(("after", "MiB at first", "at the end", "growth"), cells),
        "",
        f"With {many['documents']:,} documents open a hover right after a change of settings comes after at "
        f"most {max(many['wall_ms']):.0f} ms ({max(many['cpu_ms']):.0f} of processor), under a load of "
        f"{many['load']}; the server holds {many['mib']:.0f} MiB.",
        "",
        f"Of {kills['times']} servers that were killed at any moment of their work, {kills['wrong']} answers "
        f"of successors differ from those of a server that was not, and {kills['left']} files are left.",
    ]


def _tracker(speed: Figures) -> list[str]:
    cells = [(row["name"], f"{row['found']:,.2f} {row['unit']}") for row in speed["rows"]]
    return [
        "## One estimate",
        "",
        "The memory model alone, warm, by `benchmarks/speed.py`; MemTracker is PyTorch's own, on fake "
        "tensors.",
        "",
        *_table(("run", "found"), cells),
    ]
