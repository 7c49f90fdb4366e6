"""Writes shipped/torchtitan.json: the runs of torchtitan's own config registries, by module and function, as
the keys that its launch lines override (development only; reads the package's source, imports nothing).

    python schemas/torchtitan_configs.py [--packages FOLDER]     # FOLDER keeps the download
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "server")]

from generator.packages import unpack  # noqa: E402

from vramlint.dialects.scripting.torchtitan import registry_runs  # noqa: E402
from vramlint.document.python.cells import cells_of  # noqa: E402
from vramlint.document.python.evaluate import Evaluation  # noqa: E402

VERSION = "0.3.0"
TABLE = HERE / "vramlint_schemas" / "shipped" / "torchtitan.json"


def configs(package: Path) -> dict[str, dict[str, Any]]:
    """The registries of the package's models; what of a run is open is listed under "open"."""
    found = {}
    for file in sorted(package.glob("models/*/config_registry.py")):
        reading = Evaluation().read(cells_of(file.read_text(encoding="utf-8"), "python"))
        runs = {}
        for run in registry_runs(reading, file.parent.name):
            known = {name: given.value for name, given in run.arguments.items() if given.value is not None}
            opened = {item.field: item.why for item in run.open}
            runs[str(run.program.value)] = {**known, **({"open": opened} if opened else {})}
        if runs:
            found[file.parent.name] = runs
    return found


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=Path, help="keep the download here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        package = unpack("torchtitan", VERSION, arguments.packages or Path(scratch)) / "torchtitan"
        text = json.dumps(configs(package), indent=0, sort_keys=True)
    TABLE.write_text(text + "\n", encoding="utf-8")
    print(f"{TABLE.name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
