"""Generate the JSON Schemas of the dialects: `python schemas/generate.py [--packages FOLDER] [DIALECT ...]`.

Wheels are downloaded through pip (nothing is installed, nothing imported) and read with `ast`. Developers
run it when a framework has a new release; its output is committed. A framework is one module in
`generator/readers/`. The schema of job files is made from the fields of a job, by `scripts/generate`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generator import readers
from generator.emit import schema

OUTPUT = Path(__file__).parent / "vramlint_schemas" / "dialects"


def main() -> None:
    """Write the schemas of the named dialects (all of them by default)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dialects", nargs="*", choices=[*readers.names(), []], default=[])
    parser.add_argument("--packages", type=Path, help="keep wheels and unpacked sources here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.packages or Path(scratch)
        for dialect in arguments.dialects or readers.names():
            reader = readers.named(dialect)
            made = schema(reader.facts(folder), reader.READER)
            text = json.dumps(made, separators=(",", ":"), sort_keys=False, allow_nan=False)
            (OUTPUT / f"{dialect}.json").write_text(text.replace(',"', ',\n"', 7) + "\n", encoding="utf-8")
            print(f"{dialect}: {len(text)} bytes")


if __name__ == "__main__":
    main()
