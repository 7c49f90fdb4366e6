"""Brings the catalog up to date: models by their hub ids, and the accelerator of the machine it runs on.

    python schemas/update_catalog.py models ORG/NAME [ORG/NAME ...]     # or --file LIST, an id a line
    python schemas/update_catalog.py gpus                                # what this machine's driver says

A model whose shapes a record has becomes another id of that record. A new one is counted on the meta device
where torch and transformers are installed (`verified: meta`), else by vramlint where its family is modelled
(`formula`); one that neither can count is left out, and named. HF_ENDPOINT and HF_TOKEN count.

Of a GPU, the total that the driver prints is compared with the record; where torch is installed, what PyTorch
offers too. `--write` changes the tables; without it the script says what it would change. Run
`pytest tests/catalog` afterwards.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "schemas")]

from vramlint.catalog.class_defaults import with_defaults  # noqa: E402
from vramlint.catalog.config_json import model_from_config  # noqa: E402
from vramlint.catalog.facts import MIB  # noqa: E402
from vramlint.catalog.fetch import NotFetched, fetch_config  # noqa: E402
from vramlint.job import TrainingJob  # noqa: E402
from vramlint.memory import CannotEstimate, estimate_job  # noqa: E402
from vramlint.memory.overhead import BAND_NOT_MODELLED  # noqa: E402

CATALOG = ROOT / "schemas" / "vramlint_schemas" / "catalog"
Record = dict[str, Any]
_TOTALS = 0.03
"""How far a GPU's total may be from its record before it counts as another GPU."""


def records(file: Path) -> list[Record]:
    """The lines of a table."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def write(file: Path, rows: Iterable[Record]) -> None:
    """Write a table, a record a line."""
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def shape_keys(rows: Sequence[Record]) -> frozenset[str]:
    """Keys that fix shapes: those of any record."""
    return frozenset(key for row in rows for key in row.get("config", {}))


def same_shapes(config: Mapping[str, Any], rows: Sequence[Record]) -> Record | None:
    """The record of the same class whose keys the config all has, with the defaults of the class."""
    whole = with_defaults(config)
    heads, width = whole.get("num_attention_heads"), whole.get("hidden_size")
    whole["num_key_value_heads"] = whole.get("num_key_value_heads") or heads
    if not whole.get("head_dim") and isinstance(heads, int) and isinstance(width, int):
        whole["head_dim"] = width // heads
    classes = config.get("architectures") or [""]
    for row in rows:
        alike = row["type"] == config.get("model_type") and row["class"] == classes[0] and row.get("config")
        if alike and all(whole.get(key) == value for key, value in row["config"].items()):
            return row
    return None


def counted(record: Record) -> tuple[int, str] | None:
    """Parameters, and how they were found."""
    try:
        from verify_models import count

        return count(record), "meta"
    except ImportError:
        pass
    except Exception as error:
        print(f"{record['ids'][0]}: the class cannot be built: {type(error).__name__}")
    model = model_from_config({**record["config"], "model_type": record["type"]}, record["ids"][0])
    try:
        estimate = estimate_job(TrainingJob(model=model)) if model is not None else None
    except CannotEstimate:
        return None
    modelled = estimate is not None and estimate.error_band < BAND_NOT_MODELLED
    return (estimate.parameters, "formula") if modelled and estimate and estimate.parameters else None


def record_of(name: str, config: Mapping[str, Any], keys: frozenset[str]) -> Record | None:
    """A new record; None where nobody can count it."""
    model = model_from_config(config, name)
    classes = config.get("architectures") or [""]
    if model is None or config.get("quantization_config"):
        return None
    made: Record = {
        "ids": [name],
        "title": name.rpartition("/")[2].replace("-", " "),
        "kind": model.kind,
        "class": classes[0],
        "type": model.model_type,
        "dtype": model.dtype or "bfloat16",
        "parameters": 0,
        "config": {key: value for key, value in config.items() if key in keys and value is not None},
        "verified": "meta",
        "confidence": "medium",
    }
    found = counted(made)
    if found is None:
        return None
    made["parameters"], made["verified"] = found
    return made


def add_models(names: Sequence[str], table: Path) -> tuple[list[Record], int]:
    """The table with the models, and how many of them could not be had."""
    rows = records(table)
    keys = shape_keys(rows)
    known = {each.lower() for row in rows for each in row["ids"]}
    left_out = 0
    for name in names:
        if name.lower() in known:
            print(f"{name}: known")
            continue
        try:
            config = json.loads(fetch_config(name))
        except (NotFetched, ValueError) as error:
            print(f"{name}: {error}")
            left_out += 1
            continue
        alike = same_shapes(config, rows)
        made = record_of(name, config, keys) if alike is None else None
        if alike is not None:
            alike["ids"].append(name)
            print(f"{name}: the shapes of {alike['ids'][0]}")
        elif made is not None:
            last = max(
                (at for at, row in enumerate(rows) if row["type"] == made["type"]), default=len(rows) - 1
            )
            rows.insert(last + 1, made)
            print(f"{name}: {made['parameters']:,} parameters ({made['verified']})")
        else:
            print(f"{name}: its parameters cannot be counted here")
            left_out += 1
        known.add(name.lower())
    return rows, left_out


def compare_gpu(rows: list[Record], name: str, memory_mib: int, torch_mib: int | None) -> str:
    """Bring the record of a GPU up to what this machine prints; what was done, in words."""
    folded = name.lower().removeprefix("nvidia ")
    row = next(
        (
            row
            for row in rows
            if folded in {each.lower().removeprefix("nvidia ") for each in (row["name"], *row["aliases"])}
            and abs(row["memory_mib"] - memory_mib) <= _TOTALS * memory_mib
        ),
        None,
    )
    if row is None:
        return f"{name}: no record with {memory_mib} MiB: add a line by hand (see CONTRIBUTING.md)"
    said = []
    if row["confidence"] != "measured" or row["memory_mib"] != memory_mib:
        said.append(f"memory_mib {row['memory_mib']} → {memory_mib}")
        row["memory_mib"], row["confidence"] = memory_mib, "measured"
    if torch_mib is not None and torch_mib < row.get("torch_mib", memory_mib + 1):
        said.append(f"torch_mib {row.get('torch_mib', 'not seen')} → {torch_mib}")
        row["torch_mib"] = torch_mib
    return f"{name}: " + (", ".join(said) or "as the catalog has it")


def installed() -> Iterable[tuple[str, int, int | None]]:
    """The GPUs of this machine: the driver's name and total, and PyTorch's total where it is installed."""
    from vramlint.catalog.nvml import installed_gpus

    try:
        import torch

        offered = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        totals = {each.name: each.total_memory // MIB for each in offered}
    except ImportError:
        totals = {}
    for gpu in {gpu.name: gpu for gpu in installed_gpus()}.values():
        name = next((each for each in totals if gpu.name in each), gpu.name)
        yield name, gpu.memory_bytes // MIB, totals.get(name)


def main(arguments: Sequence[str]) -> int:
    """Run the script: 1 where something could not be had."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=("models", "gpus"))
    parser.add_argument("names", nargs="*", metavar="ID")
    parser.add_argument("--file", type=Path, help="a list of ids, one a line")
    parser.add_argument("--write", action="store_true", help="change the table")
    parser.add_argument("--catalog", type=Path, default=CATALOG, help="the folder of the tables")
    options = parser.parse_args(arguments)
    file = options.catalog / f"{options.table}.jsonl"
    if options.table == "models":
        listed = options.file.read_text("utf-8").split() if options.file else []
        rows, left_out = add_models([*options.names, *listed], file)
    else:
        rows, left_out = records(file), 0
        found = [compare_gpu(rows, *gpu) for gpu in installed()]
        print("\n".join(found) or "no NVIDIA driver answers here")
    if options.write:
        write(file, rows)
    return 1 if left_out else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
