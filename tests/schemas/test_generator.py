"""The script that makes the schemas: what it reads from source text, what it emits, and that its output is
what is committed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from vramlint_schemas import load_schema

sys.path.insert(0, str(Path(__file__).parents[2] / "schemas"))

import generate
from generator import readers
from generator.emit import schema
from generator.entry import MISSING, Entry, Facts, join
from generator.source import Source

CLASSES = """
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Optional
SIZE = 768

class Kind(str, Enum):
    ONE = "one"
    TWO = "two"

@dataclass
class Base:
    rate: float = 5e-5
    steps: int = field(default=-1, metadata={"help": "Deprecated, use rate."})
    secret: str = field(init=False)

@dataclass
class Inner:
    depth: int | None = None

@dataclass
class Arguments(Base):
    kind: Kind = Kind.TWO
    mode: Optional[Literal["auto", "off"]] = None
    pixels: int = SIZE * SIZE
    names: list[str] = field(default_factory=list)
    inner: Inner = field(default_factory=Inner)
    items: "list[Inner] | None" = None
    rate: float = 1e-4
    _private: int = 0

class Model(BaseModel):
    rows: int | None = Field(default=1, ge=1, alias="row_count")
    odd: Kind = Kind.ONE

    @field_validator("odd", mode="before")
    @classmethod
    def prepare(cls, value): return value

def setup(folder: Path, arguments: Arguments = Arguments(rate=3.0), *, quiet: bool = False) -> None: ...

def parser(p): p.add_argument("--num-processes", "-n", type=int)
"""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "classes.py"
    path.write_text(CLASSES, encoding="utf-8")
    return Source([path])


def test_fields_of_a_dataclass(source: Source) -> None:
    fields = source.fields("Arguments")
    assert set(fields) == {
        *("rate", "steps", "kind", "mode", "pixels", "names", "inner", "inner.depth"),
        *("items", "items[].depth"),
    }
    assert fields["rate"].default == 1e-4
    assert fields["steps"].deprecated
    assert (fields["kind"].words, fields["kind"].choices) == (("choice",), ("one", "two"))
    assert fields["kind"].default == "two"
    assert (fields["mode"].words, fields["mode"].choices) == (("null", "choice"), ("auto", "off"))
    assert fields["pixels"].default == 768 * 768
    assert fields["names"].default == []
    assert fields["items"].words == ("list", "null")


def test_fields_of_a_pydantic_model(source: Source) -> None:
    fields = source.fields("Model")
    assert fields["rows"] == Entry(("int", "null"), 1, (), {"minimum": 1}, ("row_count",))
    assert fields["odd"].words == ("any",), "a validator that runs before decides what passes"


def test_a_field_takes_what_its_class_asks_for(tmp_path: Path) -> None:
    text = """
@dataclass
class Arguments:
    shard: str | None = field(default=None, metadata={"nargs": "?", "const": True})
    scale: str = "group"
    name: str = "x"
    def __post_init__(self):
        if isinstance(self.shard, (str, list)):
            self.shard = True
        if isinstance(self.scale, bool):
            self.scale = "group" if self.scale else "none"
"""
    (tmp_path / "a.py").write_text(text)
    fields = Source([tmp_path / "a.py"]).fields("Arguments")
    assert set(fields["shard"].words) == {"str", "null", "bool", "list"}
    assert set(fields["scale"].words) == {"str", "bool"}
    assert fields["name"].words == ("str",)


def test_parameters_and_flags(source: Source) -> None:
    parameters = source.parameters("setup")
    assert parameters["folder"].default is MISSING
    assert parameters["arguments.rate"].default == 3.0
    assert parameters["quiet"].default is False
    assert source.flags() == ["num_processes"]


def test_joining_takes_what_either_accepts() -> None:
    keys = {"a": Entry(("int",), 1)}
    join(keys, {"a": Entry(("str", "null"), 2), "b": Entry(("bool",), True)})
    assert keys["a"].words == ("int", "str", "null")
    assert keys["a"].default is MISSING
    assert keys["b"].default is True


@pytest.mark.parametrize(
    ("dialect", "entry", "expected"),
    [
        ("torchtitan", Entry(("int",), 1), {"type": ["integer", "null"], "x-type": "int", "default": 1}),
        ("axolotl", Entry(("choice", "null"), MISSING, ("a",)), {"enum": ["a", None], "x-type": "str"}),
        ("axolotl", Entry(("any",)), {}),
        ("torchtune", Entry(("int",), 1), {"x-type": "int", "default": 1}),
    ],
)
def test_emission(dialect: str, entry: Entry, expected: dict[str, Any]) -> None:
    made = schema(Facts("x", "1", {"key": entry}), readers.named(dialect).READER)
    assert made["properties"]["key"] == expected


def test_sections_are_nested_and_aliases_named() -> None:
    keys = {"a.b": Entry(("int",), MISSING, (), {}, ("a.c",)), "l[].d": Entry(("str",))}
    made = schema(Facts("x", "1", keys), readers.named("deepspeed").READER)["properties"]
    assert made["a"]["properties"]["c"]["x-alias-of"] == "b"
    assert made["a"]["x-unknown"] == "refused"
    assert made["l"]["items"]["properties"]["d"]["x-type"] == "str"


@pytest.mark.parametrize("dialect", ["deepspeed", "torchtune", "accelerate"])
def test_what_is_committed_is_what_the_script_makes(dialect: str) -> None:
    reader = readers.named(dialect)
    assert schema(reader.facts(Path()), reader.READER) == load_schema(dialect)


def test_two_releases_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for version, fields in (
        ("1.9", "hidden_size: int = None\n    color: str = 'red'"),
        ("2.1", "hidden_size: int = 64"),
    ):
        folder = tmp_path / f"gpt-neox-{version}" / "megatron/neox_arguments"
        folder.mkdir(parents=True)
        (folder / "neox_args.py").write_text(f"@dataclass\nclass NeoXArgsModel:\n    {fields}\n")
        (folder / "deepspeed_args.py").write_text("@dataclass\nclass NeoXArgsOther:\n    steps: int = 1\n")
    generate.compare("gpt-neox", "1.9..2.1", tmp_path, keep=True)
    assert capsys.readouterr().out.splitlines() == [
        "gpt-neox 1.9 to 2.1",
        "* hidden_size: default None, now 64",
        "  color: gone",
    ]
    with pytest.raises(SystemExit, match="on no package index"):
        generate.compare("gpt-neox", "3.0", tmp_path, keep=False)


def test_a_schema_is_made_of_the_frameworks_that_are_fully_supported() -> None:
    assert set(readers.written()) | {"job"} == {file.stem for file in generate.OUTPUT.glob("*.json")}
    assert {"oumi", "nemo", "llm-foundry", "gpt-neox", "h2o-llm-studio"} <= set(readers.names())


def test_the_trainer_takes_its_switch_for_sharding() -> None:
    """`fsdp: true`, and the words of older releases (training_args.py of transformers 5.24)."""
    assert {"boolean", "array", "string"} <= set(load_schema("trl")["properties"]["fsdp"]["type"])
