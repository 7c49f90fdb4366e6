"""Which GPU a file is meant for, and who said so."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeAlias

from vramlint.catalog import gpu_spec as catalog
from vramlint.catalog.facts import Gpu
from vramlint.catalog.gpus import meanings, nearest_gpus
from vramlint.dialects.kit.launch_spec import LaunchSpec
from vramlint.document.node import KeyPath, Span
from vramlint.lazy_dataclasses import dataclass, replace

Source: TypeAlias = Literal["flag", "directive", "file", "launcher", "settings", "auto"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """A GPU declaration. Where the name is not known, `gpu` is None and `nearest` holds the closest names."""

    text: str
    source: Source
    name: str
    gpu: Gpu | None
    count: int = 1
    """GPUs per node."""
    nodes: int = 1
    ram: int | None = None
    """Host memory of a node, bytes, where the machine's type says it."""
    counted: bool = False
    """The number of GPUs was said, and not only their kind."""
    nearest: tuple[str, ...] = ()
    other_sizes: tuple[Gpu, ...] = ()
    """GPUs of other sizes that the name can mean as well."""
    span: Span | None = None
    """Of the declaration in a directive."""
    key: KeyPath | None = None
    """Of the declaration in the file."""


def declaration(text: str, source: Source) -> Declaration:
    """Read "A100-80GB x8", "24GiB x2", a cloud machine's name, or "auto"."""
    read = _installed() if text.strip().lower() == "auto" else catalog.parse_declaration(text)
    nearest = () if read.gpu else tuple(nearest_gpus(read.name, 3))
    counted = read.name != text.strip() or read.count * read.nodes > 1
    others = _other_sizes(read.name, read.gpu)
    return Declaration(
        text, source, read.name, read.gpu, read.count, read.nodes, read.ram, counted, nearest, others
    )


def _other_sizes(name: str, gpu: Gpu | None) -> tuple[Gpu, ...]:
    """One GPU of each other size that the name can mean: an A100 has 40 GB or 80."""
    sizes = {other.memory_bytes: other for other in reversed(meanings(name))} if gpu else {}
    return tuple(other for size, other in sorted(sizes.items()) if gpu and size != gpu.memory_bytes)


def counted_by(declared: Declaration, launch: LaunchSpec | None) -> Declaration:
    """The declaration with the number of GPUs that a launcher starts, where it names only their kind."""
    if launch is None or launch.count is None or declared.counted:
        return declared
    return replace(declared, count=launch.count, nodes=launch.nodes or 1, counted=True)


@cache
def _installed() -> catalog.Declaration:
    """The GPUs of this machine; asked once, since they stay."""
    return catalog.parse_declaration("auto")


def stated(
    flag: str | None, directive: tuple[str, Span] | None, file: tuple[str, KeyPath] | None
) -> Declaration | None:
    """The declaration of a flag or editor setting, a directive, or a key of the file, the strongest first."""
    if flag:
        return declaration(flag, "flag")
    if directive:
        return replace(declaration(directive[0], "directive"), span=directive[1])
    if file:
        return replace(declaration(file[0], "file"), key=file[1])
    return None


def implied(launch: LaunchSpec | None, setting: str | None) -> Declaration | None:
    """Where nothing is stated: what the launcher asks for, over what the settings name."""
    weakest = _of_settings(setting)
    return weakest if launch is None else _of_launch(launch, weakest)


def _of_launch(launch: LaunchSpec, weakest: Declaration | None) -> Declaration | None:
    """What a launcher asks for; where it is not certain which GPU, the settings name it."""
    declared = catalog.parse_declaration(launch.gpu) if launch.gpu else None
    gpu = declared.gpu if declared else None
    if launch.gpu and not launch.exact and len({each.memory_bytes for each in meanings(launch.gpu)}) > 1:
        gpu = None
    counted = launch.count is not None
    if gpu is not None and launch.gpu:
        text = f"{launch.gpu} x{launch.count or 1}"
        return Declaration(
            text, "launcher", launch.gpu, gpu, launch.count or 1, launch.nodes or 1, counted=counted
        )
    return weakest if weakest is None else counted_by(weakest, launch)


def _of_settings(setting: str | None) -> Declaration | None:
    if not setting:
        return None
    if setting.strip().lower() == "auto":
        found = declaration("auto", "auto")
        return found if found.gpu else None
    return declaration(setting, "settings")


def file_key(values: Mapping[str, Any], gpu_key: str | None) -> tuple[str, KeyPath] | None:
    """What the file itself says of its GPU, under the key where its dialect has one, as a declaration."""
    value: Any = values
    path = tuple(gpu_key.split(".")) if gpu_key else ()
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str) and value.strip():
        return value, path
    if path and isinstance(value, Mapping) and "memory" in value:
        return f"{value['memory']} x{value.get('count', 1)}", path
    return None
