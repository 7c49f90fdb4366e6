"""Copies whose name says what they are copies of: re-uploads on the hub and downloads on disk.

Only names that cannot mean another model count: a listed id with the suffix of a quantization or a dtype,
or the same repository name under an account that re-uploads without change. Fine-tunes under names of their
own are not guessed: a wrong number is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from vramlint.lazy_dataclasses import dataclass
from vramlint.patterns import pattern

SUFFIXES: tuple[tuple[str, str | None, str | None], ...] = (
    (r"-unsloth-bnb-4bit", "bnb-nf4", None),
    (r"-(?:bnb-)?(?:nf4|bnb-4bit|4bit-bnb)(?:-bf16)?", "bnb-nf4", None),
    (r"-bnb-8bit", "bnb-int8", None),
    (r"-gptq-(?:int8|8bit)", "gptq-int8", None),
    (r"-gptq(?:-int4|-4bit)?(?:-g\d+)?", "gptq-int4", None),
    (r"-int4-gptq", "gptq-int4", None),
    (r"-awq(?:-int4|-4bit)?", "awq-int4", None),
    (r"-(?:int4|w4a16)-awq", "awq-int4", None),
    (r"-(?:fp8|mxfp8)(?:-dynamic|-block|-static|-kv|-tensor)*", "fp8", None),
    (r"-(?:mxfp4|mx-fp4)", "mxfp4", None),
    (r"-(?:nvfp4|fp4)(?:a16)?", "fp4", None),
    (r"[-.](?:quantized[-.])?w4a16(?:-g\d+)?", "int4", None),
    (r"[-.](?:quantized[-.])?w8a(?:8|16)", "int8", None),
    (r"-autoround(?:-int4)?", "gptq-int4", None),
    (r"-mlx-(?:bf16|fp16)", None, None),
    (r"-(?:mlx|optiq|dwq)(?:-\d+(?:\.\d+)?-?bit)?", "mlx", None),
    (r"-oq\d+e?", "mlx", None),
    (r"-(?:int8|8-?bit)", "int8", None),
    (r"-(?:int4|4-?bits?)", "int4", None),
    (r"-[2356]bit", "mlx", None),
    (r"-gguf", "gguf", None),
    (r"-exl[23]", "exl", None),
    (r"-bf16", None, "bfloat16"),
    (r"-fp16", None, "float16"),
)
"""Ends of repository names, without case; the scheme of `job.Quantization` they mean, or the new dtype. In
1,355 of 1,355 hub names, what is left when one is cut has the shapes of the model it names.
"""
_MOST_ENDS = 3
"""Ends that a name can have one after the other, as in `-mxfp4-mlx`."""

LOCAL = pattern(r"[~/.\\]|[A-Za-z]:[\\/]|[^/]+/[^/]+/")
"""How names start that can only be paths: a hub id has one slash and starts with a letter or digit."""

COPYISTS = frozenset(
    {
        "ai-modelscope",
        "amd",
        "huggingface-mirror",
        "hugging-quants",
        "llm-research",
        "lmstudio-community",
        "mlx-community",
        "modelcloud",
        "neuralmagic",
        "nm-testing",
        "nousresearch",
        "opensourcerelease",
        "quanttrio",
        "redhatai",
        "techxgenus",
        "thebloke",
        "unsloth",
        "zhipuai",
    }
)
"""Accounts that publish other people's models under the original repository name (lower case)."""


@cache
def _ends() -> tuple[tuple[re.Pattern[str], str | None, str | None], ...]:
    """The ends as patterns, compiled at the first name that is not listed."""
    return tuple(
        (re.compile(f"(?P<base>.+){end}", re.IGNORECASE), scheme, dtype) for end, scheme, dtype in SUFFIXES
    )


@dataclass(frozen=True, slots=True)
class Original:
    """A listed id that a name may be a copy of, and what the copy changed in storage."""

    name: str
    quantized_as: str | None
    dtype: str | None


def original_names(name: str, listed: Callable[[], Iterable[str]]) -> Iterator[Original]:
    """The ids that `name` may be a copy of, surest first. `listed` gives the known ids, if needed."""
    base, scheme, dtype = without_suffix(name)
    if base != name:
        yield Original(base, scheme, dtype)
    account, slash, repository = base.partition("/")
    if slash and (account.lower() in COPYISTS or base != name):
        wanted = repository.lower()
        for other in listed():
            if other.partition("/")[2].lower() == wanted:
                yield Original(other, scheme, dtype)


def without_suffix(name: str) -> tuple[str, str | None, str | None]:
    """The name without the ends that say how its weights are stored; the scheme and the dtype they say."""
    found: tuple[str | None, str | None] = (None, None)
    for _ in range(_MOST_ENDS):
        cut = next(
            ((end.fullmatch(name), scheme, dtype) for end, scheme, dtype in _ends() if end.fullmatch(name)),
            None,
        )
        if cut is None:
            break
        match, scheme, dtype = cut
        assert match is not None
        name, found = match["base"], (found[0] or scheme, found[1] or dtype)
    return name, *found


def downloaded_names(name: str, listed: Callable[[], Iterable[str]]) -> Iterator[str]:
    """The ids that a path may be a download of, by its end or its folder in a hub cache."""
    if not LOCAL.match(name):
        return
    # ModelScope's cache writes "." of a name as "___" (hub/snapshot_download.py of modelscope 1.30).
    words = [part.replace("___", ".") for part in re.split(r"[\\/]+", name)]
    parts = [part for part in words if part not in ("", "config.json")]
    yield from (part[len("models--") :].replace("--", "/") for part in parts if part.startswith("models--"))
    if len(parts) > 1:
        yield "/".join(parts[-2:])
    if parts:
        # text-generation-webui's downloader joins account and repository by "_", others by "__" or "--".
        yield from (parts[-1].replace(mark, "/", 1) for mark in ("__", "--", "_") if mark in parts[-1])
        wanted = {parts[-1].lower(), *_on_kaggle(parts)}
        yield from (other for other in listed() if other.rpartition("/")[2].lower() in wanted)


def _on_kaggle(parts: Sequence[str]) -> Iterator[str]:
    """`/kaggle/input/MODEL/FRAMEWORK/VARIATION/VERSION`, where Kaggle mounts a model: the variation alone, or
    after the name of the model.
    """
    match parts:
        case ["kaggle", "input", model, _, variation, version] if version.isdigit():
            yield from (variation.lower(), f"{model}-{variation}".lower())
