"""Files of every dialect with any values under their keys: analysis answers, whatever they are."""

import json
from pathlib import Path
from typing import Any

import pytest
from dialect_seeds import MODEL, seed_of, with_values
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from properties import examples

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.dialects import detect, load_all
from vramlint.dialects.kit.dialect import Dialect
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace
from vramlint_schemas import load_schema

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**33), 2**66)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        ["auto", "1e-5", "true", "cpu", "bf16", "flash_attention_2", "adamw_torch", "${x}", MODEL]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def values_of(dialect: Dialect) -> st.SearchStrategy[dict[str, Any]]:
    """The seed with keys that the dialect reads, at any depth, holding anything."""
    names = {key.path for key in dialect.keys}
    if dialect.schema:
        names |= set(load_schema(dialect.schema)["properties"])
    return st.dictionaries(st.sampled_from(sorted(names)), VALUES, max_size=5).map(
        lambda changes: with_values(seed_of(dialect), changes)
    )


@pytest.mark.parametrize("dialect", load_all(), ids=lambda dialect: dialect.name)
def test_every_dialect_has_a_seed(dialect: Dialect) -> None:
    assert detect(seed_of(dialect)).name == dialect.name


@pytest.mark.parametrize("dialect", load_all(), ids=lambda dialect: dialect.name)
def test_any_value(dialect: Dialect, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)

    @examples(60, tuple(HealthCheck))
    @given(values_of(dialect))
    def answers(values: dict[str, Any]) -> None:
        text = f"// vramlint: dialect={dialect.name}\n{json.dumps(values)}"
        analysis = analyse(Document.parse(text, str(tmp_path / "x.jsonc")), workspace, Overrides(gpu="T4 x2"))
        assert analysis.dialect is dialect
        assert analysis.cannot is None or analysis.cannot.code != "internal-error", analysis.cannot
        for finding in analysis.findings:
            fixes_for(analysis, finding)

    answers()
