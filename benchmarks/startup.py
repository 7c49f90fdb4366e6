"""What starting costs: processor time of cold runs of the command line against a bare Python, interleaved.

    python benchmarks/startup.py [RUNS]

The least of each is taken, since load on the machine only adds. The bounds are those the project keeps: a
config that fits at most 11 times a bare `python -c pass`, one with findings and fixes at most 14 times, a
file that is no config at most 4 times.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
VRAMLINT = ("-m", "vramlint")
CHECK = (*VRAMLINT, "check", "--exit-zero")


def cases(folder: Path) -> dict[str, tuple[tuple[str, ...], float | None]]:
    """The command lines with their bounds, in bare starts of Python."""
    other = folder / "compose.yaml"
    other.write_text("services:\n  web:\n    image: nginx\n    ports: ['80:80']\n", encoding="utf-8")
    fitting, unfit = (str(EXAMPLES / f"axolotl-llama-3.1-8b-{kind}.yaml") for kind in ("qlora", "full"))
    return {
        "python -c pass": (("-c", "pass"), None),
        "vramlint --version": ((*VRAMLINT, "--version"), None),
        "vramlint check, no config": ((*CHECK, str(other)), 4),
        "vramlint check, a config": ((*CHECK, fitting), 11),
        "vramlint check, with fixes": ((*CHECK, unfit), 14),
        "vramlint estimate": ((*VRAMLINT, "estimate", fitting), 16),
    }


def processor_seconds(arguments: tuple[str, ...], environment: dict[str, str]) -> float:
    """What one run of Python takes."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return usage.ru_utime + usage.ru_stime


def measure(runs: int) -> dict[str, tuple[float, float | None]]:
    """Least seconds and bound of each case, after a run that compiles."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        wanted = cases(Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in wanted}
        for _ in range(runs + 1):
            for name, (arguments, _bound) in wanted.items():
                seconds[name].append(processor_seconds(arguments, environment))
    return {name: (min(seconds[name][1:]), bound) for name, (_, bound) in wanted.items()}


def main() -> int:
    """Print the table; 1 where a bound is missed."""
    measured = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
    bare = measured["python -c pass"][0]
    missed = False
    for name, (seconds, bound) in measured.items():
        ratio = seconds / bare
        missed |= bound is not None and ratio > bound
        print(
            f"{name:<28} {1000 * seconds:7.1f} ms  {ratio:5.1f} ×"
            + (f"  (at most {bound:g} ×)" if bound else "")
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
