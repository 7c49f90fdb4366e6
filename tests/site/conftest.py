"""The modules of site/, and the whole site as it is built from this checkout."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def builder() -> ModuleType:
    """site/build.py as a module, by a name that no package has."""
    spec = importlib.util.spec_from_file_location("site_build", ROOT / "site" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def built(builder: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, strictly built: a warning, a dead link or a stale command would have raised."""
    pytest.importorskip("zensical", reason="zensical needs Python 3.11")
    folder: Path = builder.build(tmp_path_factory.mktemp("site"), playground=Path("not built"))
    return folder
