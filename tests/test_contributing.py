"""CONTRIBUTING's table "where to add", followed in a copy of the project with a toy of each kind."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COPIED = ("server", "rules", "schemas", "docs", "site", "examples", "scripts", "client-vscode/package.json",
          "client-vscode/package-lock.json", "README.md", "CONTRIBUTING.md", "pyproject.toml")  # fmt: skip
PLACES = {
    name: int(count)
    for name, count in re.findall(
        r"^\| (an? [^|]+?) \| (\d) \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE
    )
}


class Copy:
    """A copy of the project, which notes the files that are touched."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.touched: set[str] = set()

    def write(self, file: str, text: str, place: str = "") -> None:
        """A new file; files of one `place` count once."""
        path = self.root / file
        assert not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.touched.add(place or file)

    def insert(self, file: str, after: str, text: str) -> None:
        """Lines after the first place of another text."""
        path = self.root / file
        old = path.read_text(encoding="utf-8")
        assert after in old, (file, after)
        path.write_text(old.replace(after, after + text, 1), encoding="utf-8")
        self.touched.add(file)

    def run(self, *arguments: str, expect: int = 0) -> str:
        """What a run of Python prints over the copy."""
        paths = os.pathsep.join(str(self.root / part) for part in ("server", "rules", "schemas"))
        process = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
        )
        assert process.returncode == expect, process.stdout + process.stderr
        return process.stdout

    def vramlint(self, *arguments: str, expect: int = 0) -> str:
        """What a command prints."""
        return self.run("-m", "vramlint", *arguments, expect=expect)

    def config(self, text: str) -> str:
        """The path of a file to check, outside of what is counted."""
        file = self.root / "toy.yaml"
        file.write_text(text, encoding="utf-8")
        return str(file)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy; every toy is added to it."""
    root = tmp_path_factory.mktemp("project")
    for name in COPIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, target)
    return root


def add_dialect(copy: Copy) -> None:
    """A framework of two keys."""
    folder = "server/vramlint/dialects/toyframe"
    copy.write(f"{folder}/__init__.py", '"""toyframe."""\n', folder)
    copy.write(
        f"{folder}/keys.py",
        """from vramlint.dialects.kit.dialect import Key

KEYS = (
    Key("toyframe", None, "Says that the file is toyframe's."),
    Key("base", "model", "The model that is trained."),
    Key("batch", "micro_batch_size", "Sequences per GPU.", 1),
)
""",
        folder,
    )
    copy.write(
        f"{folder}/read.py",
        """from vramlint.dialects.kit.dialect import Dialect, Obstacle
from vramlint.dialects.kit.edits import edit, key
from vramlint.dialects.kit.reader import positive, table
from vramlint.dialects.kit.reading import find_model, finish, framework_reader, hardware
from vramlint.dialects.toyframe.keys import KEYS
from vramlint.job import TrainingJob


def read(values, context):
    reader = framework_reader(values, context, "toyframe", "1.0", table(KEYS))
    model = find_model(reader, context, "base")
    if isinstance(model, Obstacle):
        return finish(DIALECT, reader, model)
    job = TrainingJob(
        model=model,
        runtime="own",
        micro_batch_size=reader.read("batch", positive),
        origins=reader.record.origins,
        **hardware(context),
    )
    return finish(DIALECT, reader, job)


def edits(values, job, changes):
    return edit({"micro_batch_size": key("batch")}, values, job, changes)


DIALECT = Dialect("toyframe", "Toyframe", "1.0", KEYS, read, edits, "refused", schema="toyframe")
""",
        folder,
    )
    copy.insert(
        "server/vramlint/dialects/registry.py",
        "REGISTRY = (\n",
        '    Entry("toyframe", "toyframe.read", "full", Signs(decisive=("toyframe",))),\n',
    )
    copy.write(
        "schemas/generator/readers/toyframe.py",
        """from generator.emit import Reader
from generator.entry import Entry, Facts

READER = Reader("refused", "refused", "refused")


def facts(folder):
    words = {"toyframe": "int", "base": "str", "batch": "int", "tokens": "int"}
    return Facts("toyframe", "1.0", {name: Entry((word,)) for name, word in words.items()})
""",
    )
    copy.write(
        "examples/toyframe-tiny.yaml",
        "# vramlint: gpu=A100-80GB\ntoyframe: 1\nbase: HuggingFaceTB/SmolLM2-135M\nbatch: 2\n",
    )


def try_dialect(copy: Copy) -> None:
    copy.run("schemas/generate.py", "toyframe")
    copy.run("docs/generate.py")
    assert "nothing found" in copy.vramlint("check", "examples/toyframe-tiny.yaml")
    assert "micro_batch_size: 2" in copy.vramlint("estimate", "--show-job", "examples/toyframe-tiny.yaml")
    wrong = copy.config("toyframe: 1\nbase: HuggingFaceTB/SmolLM2-135M\nbacth: 2\n")
    assert "VL002" in copy.vramlint("check", wrong)
    large = copy.config("toyframe: 1\nbase: HuggingFaceTB/SmolLM2-135M\nbatch: 64\n")
    assert "VL101" in copy.vramlint("check", "--gpu", "RTX-4090", large, expect=1)
    assert "| `batch` |" in (copy.root / "docs/dialects/toyframe.md").read_text(encoding="utf-8")
    assert "| [Toyframe](docs/dialects/toyframe.md) | 1.0 |" in (copy.root / "README.md").read_text("utf-8")


def add_key(copy: Copy) -> None:
    """Of the toy framework."""
    folder = "server/vramlint/dialects/toyframe"
    copy.insert(
        f"{folder}/keys.py",
        'Key("batch", "micro_batch_size", "Sequences per GPU.", 1),\n',
        '    Key("tokens", "sequence_length", "Tokens of a sequence.", 512),\n',
    )
    copy.insert(
        f"{folder}/read.py",
        'micro_batch_size=reader.read("batch", positive),\n',
        '        sequence_length=reader.read("tokens", positive),\n',
    )


def try_key(copy: Copy) -> None:
    assert "sequence_length: 512" in copy.vramlint("estimate", "--show-job", "examples/toyframe-tiny.yaml")
    file = copy.config("toyframe: 1\nbase: HuggingFaceTB/SmolLM2-135M\ntokens: 64\n")
    assert "sequence_length: 64" in copy.vramlint("estimate", "--show-job", file)


def add_field(copy: Copy) -> None:
    """A choice that no formula reads."""
    copy.insert(
        "server/vramlint/job.py",
        "    versions: Mapping[str, str] = field(default_factory=dict)\n",
        '    toy_buffer: Literal["small", "large"] = "small"\n',
    )
    copy.insert(
        "server/vramlint/job_fields/running.py",
        "PLACE: tuple[JobField, ...] = (\n",
        '    JobField("toy_buffer", "A buffer of the toy.", Moves("overhead"), matters=11),\n',
    )
    copy.insert("docs/job-file.md", "| `nodes` | machines | 1 |\n", "| `toy_buffer` | `small`, `large` | |\n")


def try_field(copy: Copy) -> None:
    copy.run("docs/generate.py")
    schema = json.loads((copy.root / "schemas/vramlint_schemas/dialects/job.json").read_text("utf-8"))
    assert schema["properties"]["toy_buffer"] == {"enum": ["small", "large", None], "default": "small"}
    job = "vramlint: 1\nmodel: HuggingFaceTB/SmolLM2-135M\ntoy_buffer: "
    assert "toy_buffer: large" in copy.vramlint("estimate", "--show-job", copy.config(job + "large\n"))
    assert "VL003" in copy.vramlint("check", copy.config(job + "huge\n"), expect=1)


def add_optimizer(copy: Copy) -> None:
    """One buffer, with a smaller twin."""
    copy.insert(
        "server/vramlint/catalog/optimizers.py",
        "OPTIMIZERS: Mapping[str, Optimizer] = {\n",
        '    "toy_sgd": Optimizer(buffers=1, bits=32, smaller="lion_8bit"),\n',
    )


def try_optimizer(copy: Copy) -> None:
    file = copy.config("vramlint: 1\nmodel: {parameters: 1.0e+9}\noptimizer: toy_sgd\n")
    (report,) = copy.vramlint("estimate", "--format", "jsonl", file).splitlines()
    assert json.loads(report)["component_sizes"]["optimizer_states"] == 4 * 10**9


def add_architecture(copy: Copy) -> None:
    """A Llama under another name."""
    copy.write(
        "server/vramlint/memory/architectures/families/toy.py",
        "from vramlint.memory.architectures.families.llama_relatives import llama\n\n\n"
        "def toy_llama(config):\n    return llama(config)\n",
    )
    copy.insert(
        "server/vramlint/memory/architectures/families/__init__.py",
        "FAMILIES: dict[str, str] = {\n",
        '    "toy_llama": "toy.toy_llama",\n',
    )


def try_architecture(copy: Copy) -> None:
    shape = "hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 128"
    file = "vramlint: 1\nmodel: {model_type: MODEL, vocab_size: 1000, SHAPE}\n".replace("SHAPE", shape)
    toy = copy.vramlint("estimate", copy.config(file.replace("MODEL", "toy_llama")))
    assert toy.replace("toy_llama", "llama") == copy.vramlint(
        "estimate", copy.config(file.replace("MODEL", "llama"))
    )


def add_rule(copy: Copy) -> None:
    """Against one name of an optimizer."""
    copy.write(
        "rules/vramlint_rules/vl499_toy.py",
        '''from vramlint.lint.rule import Rule


class Toy(Rule):
    """The toy's optimizer.

    ## What it finds

    toy_sgd.
    """

    code = "VL499"
    name = "toy"
    severity = "warning"
    summary = "toy_sgd is a toy"

    def check(self, context):
        """Wherever it is written."""
        if context.job is not None and context.job.optimizer == "toy_sgd":
            yield self.finding("optimizer toy_sgd is a toy; use another", ("optimizer",))
''',
    )
    file = "rules/vramlint_rules/__init__.py"
    row = '    Deferred("vramlint_rules.vl499_toy", when.job(lambda job: True)),\n'
    copy.insert(file, "RULES: tuple[type[Rule] | Deferred, ...] = (\n", row)


def try_rule(copy: Copy) -> None:
    assert "# VL499 toy" in copy.vramlint("explain", "VL499")
    file = copy.config("vramlint: 1\nmodel: {parameters: 1.0e+9}\noptimizer: toy_sgd\n")
    assert "warning[VL499] optimizer toy_sgd is a toy" in copy.vramlint("check", file)


def add_request(copy: Copy) -> None:
    """Folding ranges, none of them."""
    copy.write(
        "server/vramlint/lsp/folding.py", "def folding_ranges(session, view, params):\n    return []\n"
    )
    copy.insert(
        "server/vramlint/lsp/offers.py",
        "    types.TEXT_DOCUMENT_HOVER: None,\n",
        "    types.TEXT_DOCUMENT_FOLDING_RANGE: None,\n",
    )
    file = "server/vramlint/lsp/answers.py"
    copy.insert(file, "from lsprotocol import types\n", "\nfrom vramlint.lsp.folding import folding_ranges\n")
    copy.insert(
        file,
        "    types.TEXT_DOCUMENT_HOVER: hover,\n",
        "    types.TEXT_DOCUMENT_FOLDING_RANGE: folding_ranges,\n",
    )
    copy.insert("docs/editor.md", "\n\n", "Folding ranges: none.\n\n")


def try_request(copy: Copy) -> None:
    listed = "from vramlint.lsp.server import create_server; print(*create_server().protocol.fm.features)"
    assert "textDocument/foldingRange" in copy.run("-c", listed).split()


def add_format(copy: Copy) -> None:
    """The codes alone."""
    copy.write(
        "server/vramlint/cli/output/codes.py",
        "from vramlint.cli.report import pairs\n\n\ndef render(reports, paint):\n"
        '    return " ".join(placed.finding.code for _, placed in pairs(reports))\n',
    )
    copy.insert(
        "server/vramlint/cli/output/__init__.py",
        "FORMATS: Mapping[str, Format] = {\n",
        '    "codes": Format("the codes of what was found"),\n',
    )


def try_format(copy: Copy) -> None:
    copy.run("docs/generate.py")
    assert "| `codes` | the codes of what was found |" in (copy.root / "docs/cli.md").read_text("utf-8")
    file = copy.config("toyframe: 1\nbase: HuggingFaceTB/SmolLM2-135M\nbacth: 2\n")
    assert "VL002" in copy.vramlint("check", "--output-format", "codes", file).split()


def add_gpu(copy: Copy) -> None:
    """One that nobody sells."""
    row = {
        "name": "TOY 99", "aliases": ["TOY99"], "vendor": "nvidia", "class": "datacenter",
        "architecture": "Hopper", "compute_capability": "9.0", "year": 2030, "memory_mib": 101000,
        "supports": ["bf16", "flash_attention_2"], "lacks": [], "confidence": "recalled",
    }  # fmt: skip
    file = "schemas/vramlint_schemas/catalog/gpus.jsonl"
    first = (copy.root / file).read_text(encoding="utf-8").partition("\n")[0] + "\n"
    copy.insert(file, first, json.dumps(row) + "\n")


def try_gpu(copy: Copy) -> None:
    assert "TOY 99" in copy.vramlint("gpus", "toy99")
    assert "TOY 99" in copy.vramlint("estimate", "--gpu", "TOY-99", "examples/toyframe-tiny.yaml")


TOYS: dict[str, tuple[Callable[[Copy], None], Callable[[Copy], None]]] = {
    "a dialect that is read in full": (add_dialect, try_dialect),
    "a key of a dialect": (add_key, try_key),
    "a field of a job": (add_field, try_field),
    "an optimizer": (add_optimizer, try_optimizer),
    "an architecture": (add_architecture, try_architecture),
    "a rule": (add_rule, try_rule),
    "a request of editors": (add_request, try_request),
    "an output format": (add_format, try_format),
    "a GPU": (add_gpu, try_gpu),
}


def test_every_kind_of_the_table_has_a_toy() -> None:
    assert list(PLACES) == list(TOYS)


def test_following_the_table_works(project: Path) -> None:
    for kind, (add, check) in TOYS.items():
        copy = Copy(project)
        add(copy)
        assert len(copy.touched) == PLACES[kind], (kind, copy.touched)
        check(copy)
