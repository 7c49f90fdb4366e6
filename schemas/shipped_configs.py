"""Writes shipped/NAME.json: the configs that a framework ships and a launch line names, by release and name,
as the keys that decide memory (development only; reads the package's files, imports nothing of it).

    python schemas/shipped_configs.py [--packages FOLDER] [torchtune] [litgpt] [oumi]

FOLDER keeps the downloads, and holds the checkouts of what no package has: `torchtune-main`,
`litgpt-main`, `oumi-main`.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "server")]

from generator.packages import checkout, unpack  # noqa: E402

from vramlint.catalog.models import Models  # noqa: E402
from vramlint.dialects import load  # noqa: E402
from vramlint.dialects.kit.dialect import Context  # noqa: E402

Releases: TypeAlias = Mapping[str, Mapping[str, Path]]
"""The files of the configs by release, the one that decides first, and by name."""


class Shipped(NamedTuple):
    """The configs of one framework. `further`: sections and keys that its dialect reads beside its table."""

    files: Callable[[Path], Releases]
    further: tuple[str, ...] = ()


def torchtune_files(folder: Path) -> Releases:
    """Those of the newest release, and of the repository those that it lacks (BSD-3-Clause)."""
    released = unpack("torchtune", "0.6.1", folder)
    newest = checkout("torchtune", "main", folder)
    return {"0.6.1": _registered(released), "0.7.0.dev": _registered(newest)}


def _registered(package: Path) -> Mapping[str, Path]:
    """The configs by the names of `_recipe_registry.py`, whose files are not all there."""
    tree = ast.parse((package / "torchtune" / "_recipe_registry.py").read_text(encoding="utf-8"))
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Config":
            said = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
            found[said["name"]] = package / "recipes" / "configs" / said["file_path"]
    return {name: file for name, file in found.items() if file.is_file()}


def litgpt_files(folder: Path) -> Releases:
    """Those that its guides name by their address in the repository (Apache-2.0)."""
    hub = checkout("litgpt", "main", folder) / "config_hub"
    return {"0.5.13": {file.relative_to(hub).as_posix(): file for file in sorted(hub.rglob("*.yaml"))}}


def oumi_files(folder: Path) -> Releases:
    """Those of the repository, which `oumi://` fetches (Apache-2.0)."""
    root = checkout("oumi", "main", folder)
    files = sorted((root / "configs").rglob("*train*.yaml"))
    return {"0.9": {file.relative_to(root).as_posix(): file for file in files}}


FRAMEWORKS: Mapping[str, Shipped] = {
    "torchtune": Shipped(
        torchtune_files,
        (
            "compile",
            "epochs",
            "forward_batch_size",
            "fp8_recipe_name",
            "model",
            "orchestration",
            "policy_model",
            "ppo_batch_size",
            "quantizer._component_",
            "ref_checkpointer._component_",
            "reward_and_value_model",
            "teacher_model",
            "tensor_parallel_plan._component_",
        ),
    ),
    "litgpt": Shipped(litgpt_files, ("model_name", "optimizer")),
    "oumi": Shipped(
        oumi_files,
        (
            "deepspeed",
            "fsdp",
            "model",
            "peft",
            "training.trainer_type",
            "training.gkd",
            "training.grpo",
            "training.mixed_precision_dtype",
        ),
    ),
}


def configs(framework: str, folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """The values that decide memory, by release, name and dotted key."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    known: set[str] = set()
    for release, files in FRAMEWORKS[framework].files(folder).items():
        for name, file in files.items():
            values = yaml.safe_load(file.read_text(encoding="utf-8"))
            if name not in known and (kept := _kept(framework, values)) is not None:
                found.setdefault(release, {})[name] = kept
        known |= files.keys()
    return found


def _kept(framework: str, values: dict[str, Any]) -> dict[str, Any] | None:
    """The keys of a config that its reading needs; None where it does not train."""
    dialect = load(framework)
    further = FRAMEWORKS[framework].further
    paths = {row.path for row in dialect.keys} | set(further)
    kept = {
        key: value
        for key, value in _flat(values)
        if value is not None and (key in paths or key.startswith(tuple(f"{path}." for path in paths)))
    }
    context = Context(Models(), gpu_count=8, gpu_declared=True)
    whole, part = dialect.read(values, context), dialect.read(_nested(kept), context)
    if whole.obstacle is not None and whole.obstacle.code in ("not-a-training-file", "no-model"):
        return None
    if (whole.job, whole.obstacle) != (part.job, part.obstacle):
        raise SystemExit(f"{framework}: the keys that are kept do not say the same as the whole of {values}")
    return kept


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, last = key.split(".")
        inner = result
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[last] = value
    return result


def main() -> None:
    """Write the tables of the named frameworks (all of them by default)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("frameworks", nargs="*", choices=[*FRAMEWORKS, []], default=[])
    parser.add_argument("--packages", type=Path, help="keep the downloads here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for framework in arguments.frameworks or FRAMEWORKS:
            made = configs(framework, arguments.packages or Path(scratch))
            text = json.dumps(made, indent=0, sort_keys=True)
            table = HERE / "vramlint_schemas" / "shipped" / f"{framework}.json"
            table.write_text(text + "\n", encoding="utf-8")
            print(f"{table.name}: {sum(map(len, made.values()))} configs, {len(text)} bytes")


if __name__ == "__main__":
    main()
