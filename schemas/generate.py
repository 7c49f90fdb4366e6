"""Generate the JSON Schemas of the dialects: `python schemas/generate.py [--packages FOLDER] [DIALECT ...]`.

Released packages are downloaded through pip (nothing is installed, nothing imported) and read with `ast`.
Developers run it when a framework has a new release; its output is committed. A framework is one module in
`generator/readers/`. The schema of job files is made from the fields of a job, by `scripts/generate`.

`DIALECT==VERSION` looks at another release: its schema is written into `--packages` as DIALECT-VERSION.json,
beside those of other releases, and what differs from the known one is printed, the keys that decide memory
first and with a star. To move to it, change VERSION in the framework's module. `DIALECT==OLD..NEW` compares
two releases, neither of which need be the known one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from generator import readers
from generator.diff import deciding, differences
from generator.emit import schema

OUTPUT = Path(__file__).parent / "vramlint_schemas" / "dialects"


def main() -> None:
    """Write the schemas of the named dialects (all of them by default)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dialects", nargs="*", metavar="DIALECT[==VERSION]", default=[])
    parser.add_argument("--packages", type=Path, help="keep downloads and unpacked sources here")
    arguments = parser.parse_args()
    unknown = {name.partition("==")[0] for name in arguments.dialects} - {*readers.names()}
    if unknown:
        parser.error(f"no module reads {', '.join(sorted(unknown))}: there are {', '.join(readers.names())}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.packages or Path(scratch)
        for named in arguments.dialects or readers.written():
            dialect, _, version = named.partition("==")
            if version:
                compare(dialect, version, folder, keep=arguments.packages is not None)
            elif readers.named(dialect).READER is None:
                parser.error(f"no schema is made of {dialect}: write {dialect}==VERSION to compare a release")
            else:
                write(dialect, readers.named(dialect).facts(folder), OUTPUT / f"{dialect}.json")


def write(dialect: str, facts: Any, file: Path) -> None:
    """Write the schema of facts."""
    made = schema(facts, readers.named(dialect).READER)
    text = json.dumps(made, separators=(",", ":"), sort_keys=False, allow_nan=False)
    file.write_text(text.replace(',"', ',\n"', 7) + "\n", encoding="utf-8")
    print(f"{dialect}: {len(text)} bytes")


def compare(dialect: str, version: str, folder: Path, *, keep: bool) -> None:
    """Print what differs in another release, or between two (`OLD..NEW`), and keep the schemas of other
    releases beside one another where there is a place.
    """
    reader = readers.named(dialect)
    if not hasattr(reader, "VERSION"):
        raise SystemExit(f"{dialect}: its facts are kept as data, whatever the release")
    older, between, newer = version.partition("..")
    old = reader.facts(folder, older) if between else reader.facts(folder)
    new = reader.facts(folder, newer or version)
    for facts in (old, new) if keep and reader.READER is not None else ():
        if facts.version != reader.VERSION:
            write(dialect, facts, folder / f"{dialect}-{facts.version}.json")
    for line in differences(old, new, deciding(dialect)):
        print(line)


if __name__ == "__main__":
    main()
