"""Where mutations start: the examples of the repository and a few small texts of each kind."""

from __future__ import annotations

from functools import cache
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
_SMALL: dict[str, tuple[str, ...]] = {
    "yaml": (
        "a: &x {r: 1, s: 2}\nb:\n  <<: *x\n  r: 3\n",
        "a: |\n  text\nb: >-\n  folded\nc: 'it''s'\nd: \"\\u00e9\"\n",
        "? a\n: 1\n- [x, {y: z}]\n--- # two\nb: 12:30:45\n",
    ),
    "json": ('{"a": [1, -2.5e3, null, {"b": "x\\"y"}], // c\n "d": true,}', "[NaN, {}]"),
    "toml": ('a = "x"\n[b.c]\nd = [1, 2.5, {e = true}]\n[[f]]\ng = 2024-01-02T03:04:05Z\n',),
    "directives": (
        "# vramlint: gpu=RTX-4090 x2 versions=trl@1.0,torch@2.9 dialect=axolotl ram=64GiB\nbase_model: x\n"
        "lora_r: 8 # vramlint: ignore[VL101, VL2] why\n# vramlint: ignore-file[VL402]\n",
    ),
    "settings": (
        'gpu = "A100-80GB x8"\nselect = ["VL1"]\nhub = true\n'
        '[versions]\ntrl = "1.0"\n[severity]\nVL4 = "off"\n'
        '[per-path."a/**"]\ngpu = "T4"\n[models."x/y"]\nparameters = 7e9\n',
        "[tool.vramlint]\nignore = ['VL402']\n",
    ),
    "shell": (
        'A="b c"; for i in 1 2; do accelerate launch --num_processes $((i*2)) t.py \\\n --lr 1e-5; done\n',
        "deepspeed --num_gpus=8 t.py --deepspeed ds.json --bf16 ${X:-True} <<EOF\nx\nEOF\n",
        'if [[ $A == b* ]]; then torchrun --nproc_per_node 8 $(which t) "$@"; fi\n',
    ),
    "python": (
        "from trl import SFTConfig, SFTTrainer\n"
        "args = SFTConfig(output_dir='x', per_device_train_batch_size=2)\n"
        "t = SFTTrainer('Qwen/Qwen3-0.6B', args=args)\nt.train()\n",
        "import sys\nfrom transformers import *\n"
        "def f(a, *b, c=1, **d):\n  return {**d, 'x': [y for y in b]}\n",
    ),
}


@cache
def seeds(kind: str) -> tuple[str, ...]:
    """Texts of a kind: a language, "config" for whole files, "directives", "settings"."""
    suffixes = {
        "yaml": (".yaml",),
        "json": (".json",),
        "toml": (".toml",),
        "shell": (".sh",),
        "python": (".py",),
    }
    wanted = suffixes.get(kind, (".yaml", ".toml", ".json") if kind == "config" else ())
    files = sorted(path for path in EXAMPLES.iterdir() if path.suffix in wanted) if wanted else []
    return (*_SMALL.get(kind, ()), *(path.read_text(encoding="utf-8") for path in files))
