"""The keys of a job file: one for each field of a job that a file may say."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import UNSET, Key
from vramlint.job_fields import FIELDS
from vramlint.job_fields.types import choices, default

KEYS: tuple[Key, ...] = (
    Key("vramlint", None, "Says that the file is a job file, and of which version: 1.", 1, (1,)),
    *(
        Key(row.path, row.path, row.effect, default(row.path, UNSET), choices(row.path))
        for row in FIELDS.values()
        if row.effect
    ),
)
