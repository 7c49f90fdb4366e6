"""Builds the playground into a folder: `python site/playground/build.py FOLDER`. Needs Node and its packages
(`npm ci`), which it installs if they are missing.

The engine is the server's bundle (client-vscode/bundle), with engine.py beside it. Pyodide's binary is
compressed here, since not every web server compresses it.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUNDLE = ROOT / "client-vscode" / "bundle"
PYODIDE = HERE / "node_modules" / "pyodide"
LIMIT = 15_000_000
"""Bytes of a first load."""
EXAMPLES = {
    "axolotl-llama-3.1-8b-full.yaml": "Axolotl: full fine-tuning of 8 B, does not fit",
    "axolotl-llama-3.1-8b-qlora.yaml": "Axolotl: the same as QLoRA",
    "textbook-7b.job.yaml": "the textbook's 84 GB",
    "textbook-1.5b.job.yaml": "the textbook's 18 GB",
    "trl-sft-tight.yaml": "TRL: tight on an A100",
    "llamafactory-qwen2.5-7b-lora.yaml": "LLaMA-Factory: LoRA on 7 B",
    "torchtitan-llama3-8b.toml": "torchtitan: 8 B on 8 × H100",
    "trl-qwen2.5-7b-lora.sh": "a launch line of TRL",
}
"""Files of examples/ → what the page calls them."""


def build(out: Path) -> None:
    """Everything that the page needs."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    if not PYODIDE.is_dir():
        _run("npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error")
    _run("node", "esbuild.mjs", str(out))
    for name in ("index.html", "playground.css", "report.css"):
        shutil.copy(HERE / name, out)
    shutil.copy(ROOT / "client-vscode" / "media" / "icon.svg", out)
    _pyodide(out)
    _engine(out / "vramlint.zip")
    texts = [
        {
            "title": title,
            "name": f"train{Path(name).suffix}",
            "text": (ROOT / "examples" / name).read_text("utf-8"),
        }
        for name, title in EXAMPLES.items()
    ]
    (out / "examples.json").write_text(json.dumps(texts), encoding="utf-8")
    counted = ("pyodide.asm.wasm.z", "python_stdlib.zip", "vramlint.zip")
    sizes = {name: (out / name).stat().st_size for name in counted}
    (out / "sizes.json").write_text(json.dumps(sizes), encoding="utf-8")
    if (whole := sum(file.stat().st_size for file in out.iterdir())) > LIMIT:
        sys.exit(f"the playground has {whole:,} bytes, more than {LIMIT:,}")


def _pyodide(out: Path) -> None:
    shutil.copy(PYODIDE / "pyodide.asm.mjs", out)
    shutil.copy(PYODIDE / "python_stdlib.zip", out)
    binary = (PYODIDE / "pyodide.asm.wasm").read_bytes()
    (out / "pyodide.asm.wasm.z").write_bytes(gzip.compress(binary, 9, mtime=0))
    lock = json.loads((PYODIDE / "pyodide-lock.json").read_text("utf-8"))
    # None of its packages is used, and so none is listed.
    (out / "pyodide-lock.json").write_text(json.dumps({"info": lock["info"], "packages": {}}), "utf-8")


def _engine(archive: Path) -> None:
    """The server's bundle and engine.py as one archive."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bundle = "import sys; from pathlib import Path; import build; build.build(Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", bundle, folder], cwd=BUNDLE, check=True)
        shutil.copy(HERE / "engine.py", folder / "libs")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    out.write(file, file.relative_to(folder).as_posix())


def _run(*command: str) -> None:
    subprocess.run(command, cwd=HERE, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve())
