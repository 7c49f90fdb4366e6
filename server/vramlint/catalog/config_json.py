"""A model's facts from config.json: in a local folder, in the local hub cache, or written out in a job file.

Reads files only, no network and no code. What the file does not say stays out; counting parameters is the
memory model's part.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vramlint.catalog.class_defaults import with_defaults
from vramlint.catalog.facts import Model
from vramlint.files import Unreadable, is_regular, lies_within, names_network_share, read_text
from vramlint.patterns import pattern

SIZE_LIMIT = 4 * 2**20
"""Bytes. Released config.json files are a few KiB; those of models with long label lists some hundred."""

HUB_ID = pattern(r"[\w.-]+(?:/[\w.-]+)?")
PARENTS = 6
"""Folders that are tried for a relative path: trainers start from the project's root, not beside the file."""

KINDS = {
    "encoder": frozenset(
        {
            *("albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert"),
            *("mpnet", "roberta", "xlm-roberta"),
        }
    ),
    "encoder-decoder": frozenset(
        {"bart", "led", "longt5", "m2m_100", "marian", "mbart", "mt5", "pegasus", "t5", "umt5"}
    ),
    "ssm": frozenset({"falcon_mamba", "mamba", "mamba2"}),
    "hybrid-decoder": frozenset(
        {
            *("bamba", "falcon_h1", "granitemoehybrid", "jamba", "lfm2", "lfm2_moe", "nemotron_h"),
            *("qwen3_5_text", "qwen3_5_moe_text", "qwen3_next", "recurrent_gemma", "zamba", "zamba2"),
        }
    ),
}
"""Model types that are no plain decoders, by `Model.kind`."""


def model_from_config(config: Mapping[str, Any], name: str, source: str = "the file itself") -> Model | None:
    """A Model of config.json's mapping, or of `{parameters: N}`; None where the mapping says neither."""
    parameters = _count(config.get("parameters"))
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        model_type = ""
    shape = {key: value for key, value in config.items() if isinstance(key, str) and key != "parameters"}
    if not model_type and parameters is None and not _has_shape(shape):
        return None
    if model_type and len(shape) > 1:
        shape = with_defaults(shape)
    return Model(
        name=name,
        model_type=model_type,
        config=shape,
        parameters=parameters,
        dtype=_dtype(config),
        quantized_as=quantization_scheme(config),
        kind=_kind(model_type, shape),
        source=source,
    )


def _count(value: object) -> int | None:
    """A number of parameters. "7e9" is one too, though YAML 1.1 reads it as a text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value < 1e15:
        return None
    return int(value)


def _has_shape(config: Mapping[str, Any]) -> bool:
    return any(key in config for key in ("hidden_size", "n_embd", "d_model", "dim", "text_config"))


def _dtype(config: Mapping[str, Any]) -> str | None:
    """`dtype` since transformers 4.56, `torch_dtype` before; multimodal ones may say it of their text."""
    for place in (config, config.get("text_config")):
        if isinstance(place, Mapping):
            for key in ("dtype", "torch_dtype"):
                value = place.get(key)
                if isinstance(value, str):
                    return value.removeprefix("torch.")
    return None


def _kind(model_type: str, config: Mapping[str, Any]) -> str:
    if "vision_config" in config:
        return "vision-language"
    if "audio_config" in config:
        return "audio-language"
    if config.get("is_encoder_decoder") is True:
        return "encoder-decoder"
    return next((kind for kind, types in KINDS.items() if model_type in types), "decoder")


def quantization_scheme(config: Mapping[str, Any]) -> str | None:
    """How the released weights are stored, as `job.Quantization.scheme` names it; None if not quantized."""
    stored = config.get("quantization_config")
    if not isinstance(stored, Mapping):
        return None
    method = str(stored.get("quant_method", "")).lower()
    bits = stored.get("bits")
    match method:
        case "bitsandbytes" | "":
            if stored.get("load_in_4bit") or stored.get("_load_in_4bit"):
                return "bnb-fp4" if stored.get("bnb_4bit_quant_type") == "fp4" else "bnb-nf4"
            return "bnb-int8" if stored.get("load_in_8bit") or stored.get("_load_in_8bit") else None
        case "gptq" | "awq" | "hqq":
            return f"{method}-int{bits if isinstance(bits, int) else 4}"
        case "fp8" | "fbgemm_fp8":
            return "fp8"
        case "mxfp4":
            return "mxfp4"
        case "compressed-tensors":
            return _compressed_scheme(stored)
        case _:
            return method


def _compressed_scheme(stored: Mapping[str, Any]) -> str:
    """compressed-tensors tells the bits of the first group of weights."""
    groups = stored.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    if not isinstance(weights, Mapping):
        return "compressed-tensors"
    if weights.get("type") == "float":
        return "fp8" if weights.get("num_bits") == 8 else "fp4"
    return f"int{weights.get('num_bits', 4)}"


def read_json(path: Path) -> Mapping[str, Any] | None:
    """The mapping in a JSON file; None for anything else, unreadable or over the size limit."""
    try:
        value = json.loads(read_text(path, SIZE_LIMIT))
    except (Unreadable, ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None


def local_config(name: str, folder: str | None, within: Sequence[str] | None = None) -> Path | None:
    """The config.json that a local name means: a folder that holds one, or a JSON file.

    A relative name is looked for in `folder` and in the folders above it up to the project's root. Network
    shares are not followed: opening one would send the user's credentials to whoever wrote the file.
    `within`: folders outside which nothing is looked at; None for no such bound.
    """
    if not name or "\0" in name or "://" in name or names_network_share(name):
        return None
    try:
        path = Path(name).expanduser()
        if path.is_absolute():
            return _config_at(path, within)
        if folder is None:
            return None
        for parent in _project_folders(Path(folder)):
            found = _config_at(parent / path, within)
            if found is not None:
                return found
    except (OSError, ValueError, RuntimeError):
        return None
    return None


def is_adapter(name: str, folder: str | None, within: Sequence[str] | None = None) -> bool:
    """Whether a local name is that of a folder with an adapter and no model: its own name says nothing of the
    model below.
    """
    config = os.path.join(name, "adapter_config.json")  # noqa: PTH118 (a name may be a Windows path)
    return local_config(config, folder, within) is not None


def _project_folders(folder: Path) -> list[Path]:
    """The folder and those above it, up to the one that holds the repository or the one we started in."""
    folders = []
    started_in = Path.cwd()
    for parent in [folder.absolute(), *folder.absolute().parents][:PARENTS]:
        folders.append(parent)
        if parent == started_in or (parent / ".git").exists():
            return folders
    return folders[:1]


def _config_at(path: Path, within: Sequence[str] | None) -> Path | None:
    for file in (path, path / "config.json"):
        if file.suffix == ".json" and lies_within(file, within) and is_regular(file):
            return file
    return None


def hub_cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where huggingface_hub keeps its downloads (its documentation, "Environment variables")."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environ.get(variable):
            return _at_home(environ[variable])
    home = environ.get("HF_HOME")
    if home:
        return _at_home(home) / "hub"
    return _at_home(environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface" / "hub"


def _at_home(path: str) -> Path:
    """The path with `~` replaced, where the user has a home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def cached_config(name: str, cache: Path) -> Path | None:
    """The config.json of a hub id in the local hub cache: of `main`, else of the newest snapshot."""
    if not HUB_ID.fullmatch(name) or name in (".", ".."):
        return None
    repository = cache / f"models--{name.replace('/', '--')}"
    try:
        snapshots = repository / "snapshots"
        main = repository / "refs" / "main"
        if is_regular(main):
            config = snapshots / read_text(main, 256).strip() / "config.json"
            if is_regular(config):
                return config
        found = [path for path in snapshots.glob("*/config.json") if is_regular(path)]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)
    except (OSError, Unreadable, ValueError):
        return None
