"""What accelerate refuses of FSDP's options (accelerate 1.15, files below accelerate/utils)."""

from __future__ import annotations

from vramlint.dialects.kit.conflicts import Conflict
from vramlint.dialects.kit.reader import Reader, boolean, integer, text

_FSDP = "fsdp_config.fsdp_"


def _version(reader: Reader) -> int:
    return reader.get(f"{_FSDP}version", integer) or 1


REFUSALS: tuple[Conflict, ...] = (
    Conflict(
        "loading-without-sync",
        f"{_FSDP}cpu_ram_efficient_loading",
        (f"{_FSDP}sync_module_states",),
        lambda r: (
            r.flag(f"{_FSDP}cpu_ram_efficient_loading")
            and r.get(f"{_FSDP}sync_module_states", boolean) is False
        ),
        "fsdp_cpu_ram_efficient_loading leaves all ranks but one without weights until they are "
        "synchronized; set fsdp_sync_module_states to true",
        source="launch.py:306",
    ),
    Conflict(
        "local-state-dict",
        f"{_FSDP}state_dict_type",
        (f"{_FSDP}version",),
        lambda r: _version(r) == 2 and r.get(f"{_FSDP}state_dict_type", text) == "LOCAL_STATE_DICT",
        "LOCAL_STATE_DICT is refused with fsdp_version: 2; write SHARDED_STATE_DICT",
        fix={f"{_FSDP}state_dict_type": "SHARDED_STATE_DICT"},
        source="dataclasses.py:2070",
    ),
)
