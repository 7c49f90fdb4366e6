"""Writes class_defaults.jsonl: what transformers' config classes take for keys that a config.json leaves out
(development only; reads the package's source, imports nothing).

    python schemas/class_defaults.py FOLDER     # FOLDER holds an unpacked transformers wheel
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent / "vramlint_schemas" / "catalog" / "class_defaults.jsonl"
LEFT_OUT = re.compile(
    r"_token_id|_token_index|^(bos|eos|pad|sep|cls|mask|unk)_|seed|version|^max_(length|time)|^num_beams"
    r"|^use_cache$|^output_|^return_|router_(aux|jitter|z)|mask_(time|feature)|^spec_aug|initializer|_eps$"
    r"|_epsilon$|_theta$"
)
"""Keys that change no tensor's shape and no operation of a training step."""
FLOATS = re.compile(r"softcap|dropout|partial_rotary|expand|multiplier|_ratio$|_pdrop$")
STRINGS = re.compile(r"_act$|activation|position_embedding_type|^feed_forward_proj$|^model_type$|norm_type")

MAPPINGS = (
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
    "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES",
    "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
)
"""Of transformers' tables of classes, those of models that are trained to write text."""
Declared = dict[str, Any]


def kept(key: str, value: object) -> bool:
    """Whether a default can change what a step needs."""
    if LEFT_OUT.search(key) or key.startswith("_"):
        return False
    if isinstance(value, (bool, int)):
        return True
    if isinstance(value, float):
        return bool(FLOATS.search(key))
    if isinstance(value, str):
        return bool(STRINGS.search(key))
    return isinstance(value, list) and bool(value) and all(type(one) in (int, bool) for one in value)


def literal(node: ast.expr | None) -> object:
    """The value of an expression that is one; None for anything else."""
    if node is None:
        return None
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return list(value) if isinstance(value, tuple) else value


def sub_config(node: ast.expr) -> tuple[str, Declared, bool]:
    """Class (or model type, for AutoConfig) and keys of one entry of `sub_configs_defaults`, and whether it
    may be missing.
    """
    if isinstance(node, ast.Name):
        return node.id, {}, False
    if not isinstance(node, ast.Call):
        return "", {}, True
    given = {word.arg: word.value for word in node.keywords}
    made = given.get("config_class")
    keys = literal(given.get("init_kwargs"))
    own = isinstance(made, ast.Name) and made.id != "AutoConfig"
    named = made.id if own and isinstance(made, ast.Name) else literal(given.get("model_type"))
    optional = literal(given.get("optional")) is True
    return str(named or ""), keys if isinstance(keys, dict) else {}, optional


def declared(node: ast.ClassDef) -> Declared:
    """What one class says: its type, its fields, its aliases and its nested configs."""
    found: Declared = {"type": "", "fields": {}, "aliases": {}, "nested": {}, "bases": []}
    found["bases"] = [base.id for base in node.bases if isinstance(base, ast.Name)]
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            name, value = line.target.id, line.value
        elif isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            name, value = line.targets[0].id, line.value
        else:
            continue
        if name == "model_type":
            found["type"] = literal(value) or ""
        elif name == "attribute_map":
            found["aliases"] = literal(value) or {}
        elif name == "sub_configs_defaults" and isinstance(value, ast.Dict):
            found["nested"] = {
                str(literal(key)): sub_config(inner)
                for key, inner in zip(value.keys, value.values, strict=True)
            }
        elif kept(name, literal(value)):
            found["fields"][name] = literal(value)
    return found


def classes(folder: Path) -> dict[str, Declared]:
    """Every config class of the package, with what it takes from the config class it extends."""
    found: dict[str, Declared] = {}
    for path in sorted(folder.glob("transformers/models/*/configuration_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("Config"):
                found[node.name] = declared(node)
    for one in found.values():
        for base in one["bases"]:
            above = found.get(base)
            if above is not None:
                one["type"] = one["type"] or above["type"]
                for part in ("fields", "aliases", "nested"):
                    one[part] = {**above[part], **one[part]}
    return found


def language_models(folder: Path) -> set[str]:
    """Model types that have a class for text, or for text beside images and sound."""
    tree = ast.parse((folder / "transformers/models/auto/modeling_auto.py").read_text("utf-8"))
    found: set[str] = set()
    for line in tree.body:
        target = line.targets[0] if isinstance(line, ast.Assign) else None
        if isinstance(line, ast.Assign) and isinstance(target, ast.Name) and target.id in MAPPINGS:
            rows = [row for row in ast.walk(line.value) if isinstance(row, ast.Tuple)]
            found |= {str(literal(row.elts[0])) for row in rows}
    return found


def main(folder: Path) -> None:
    """Write the table: a line a model type."""
    found = classes(folder)
    types = {name: one["type"] for name, one in found.items()}
    rows = {}
    for one in found.values():
        if not one["type"]:
            continue
        row: Declared = {"type": one["type"], "fields": one["fields"]}
        if one["aliases"]:
            row["aliases"] = one["aliases"]
        nested = {
            key: {
                "type": types.get(named, named),
                "fields": {k: v for k, v in keys.items() if kept(k, v) and k != "model_type"},
                "optional": optional,
            }
            for key, (named, keys, optional) in one["nested"].items()
        }
        if nested:
            row["nested"] = nested
        rows.setdefault(one["type"], row)
    wanted = language_models(folder)
    for name in list(wanted):
        wanted |= {keys["type"] for keys in rows.get(name, {}).get("nested", {}).values()}
    kept_rows = sorted(wanted & set(rows))
    lines = (json.dumps(rows[name], separators=(",", ":")) for name in kept_rows)
    TABLE.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
