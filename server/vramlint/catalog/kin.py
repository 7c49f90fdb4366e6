"""What a name of somebody's own says: family, version and size, as in `our-Llama-3.1-8B-sft`.

Most fine-tunes keep the shapes of their base and its family, version and size in their names. A name
that says all three, of one family and one size, is read as the listed models that say the same; where
these differ in size, the name says nothing. Words of models that are another thing with a known name in
theirs (draft models, pruned ones, embedders) end the matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vramlint.catalog.reuploads import LOCAL

FAMILIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("r1-distill-qwen", r"r1-distill-qwen", ("deepseek-ai",)),
    ("r1-distill-llama", r"r1-distill-llama", ("deepseek-ai",)),
    ("deepseek-coder", r"deepseek-coder(?!-v)", ("deepseek-ai",)),
    ("deepseek-llm", r"deepseek-llm", ("deepseek-ai",)),
    ("tinyllama", r"tiny-?llama(?=-\d)", ("tinyllama",)),
    ("codellama", r"code-?llama", ("codellama",)),
    ("llama", r"llama-?(?P<version>[1-4](?:[.-]?[1-3])?)", ("meta-llama", "huggyllama")),
    ("qwen", r"qwen-?(?P<version>[1-4](?:[.-]?[5-8])?)", ("qwen",)),
    ("gemma", r"gemma-?(?P<version>[2-4]n?)", ("google",)),
    ("mixtral", r"mixtral", ("mistralai",)),
    ("ministral", r"ministral-?(?P<version>3)", ("mistralai",)),
    ("mistral-small", r"mistral-small(?:-?(?P<version>3\.[12]))?", ("mistralai",)),
    ("mistral-nemo", r"mistral-nemo", ("mistralai",)),
    ("mistral", r"mistral(?=-7b)", ("mistralai",)),
    ("codestral", r"codestral(?=-22b)", ("mistralai",)),
    ("zephyr", r"zephyr(?=-7b(?!-gemma))", ("huggingfaceh4",)),
    ("phi", r"phi-?(?P<version>[34](?:\.5)?)", ("microsoft",)),
    ("gpt-oss", r"gpt-?oss", ("openai",)),
    ("smollm", r"smollm-?(?P<version>[23])", ("huggingfacetb",)),
    ("lfm", r"lfm-?(?P<version>2(?:[.-]5)?)", ("liquidai",)),
    ("olmo", r"olmo-?(?P<version>[23])", ("allenai",)),
    ("granite", r"granite-?(?P<version>[34][.-]\d)", ("ibm-granite",)),
    ("falcon", r"falcon-?(?P<version>3)", ("tiiuae",)),
    ("internlm", r"internlm-?(?P<version>2(?:[.-]5)?|3)", ("internlm",)),
    ("nemotron", r"nemotron-?(?P<version>3)(?=-(?:nano|super))", ("nvidia",)),
    ("starcoder", r"starcoder-?(?P<version>2)", ("bigcode",)),
    ("solar", r"solar(?=-10)", ("upstage",)),
    ("yi", r"yi(?:-?(?P<version>1[.-]5))?(?=-\d)", ("01-ai",)),
    ("pythia", r"pythia(?=-\d)", ("eleutherai",)),
    ("opt", r"opt(?=-\d)", ("facebook",)),
)
"""Family, the pattern of its name with its version, and the accounts of its makers (lower case). A family
whose releases share sizes and not shapes has to be named with its version.
"""


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


SHAPED = words("vl vision omni audio moe next nemo small medium large mini nano super tiny lite flash")
"""Words that say another shape: a name has to have those that the listed one has, and no other."""

OTHER_THINGS = words(
    "dflash eagle eagle3 dspark medusa draft drafter speculator spec assistant reap pruned prune minitron "
    "embedding embed embeddings embedder reranker rerank reward rm prm orm classifier classification cls "
    "seqcls asr tts speech voice music image video ocr robotics vla guard frankenmerge "
    "upscaled upscale brainstorm brainstorm20x bitnet mamba rwkv linear linearized hybrid layerskip llava "
    "colbert encoder diffusion translate passthrough selfmerge vispec mtp"
)
"""Words of models with a known name in theirs and other tensors: heads, drafts, cuts and merges."""

WITHIN = 0.03
"""How far the parameters of a model that is named so may be from the listed one's: all but one of the 2,100
hub names that these rules answer are nearer (tests/catalog/test_kin.py).
"""

_FAMILIES = tuple(
    (name, re.compile(rf"(?<![a-z0-9]){pattern}(?![a-z0-9.])")) for name, pattern, _ in FAMILIES
)
_MAKERS = {name: makers for name, _, makers in FAMILIES}
_ALL_MAKERS = frozenset(maker for makers in _MAKERS.values() for maker in makers)
_SIZE = re.compile(r"(?:\d+x)?e?\d+(?:\.\d+)?[bm]")
_ACTIVE = re.compile(r"a\d+(?:\.\d+)?b")
_MIXED = re.compile(r"\d+(?:\.\d+)?bx\d+|\d+x\d+(?:\.\d+)?[bm]")
_VERSION_MARK = re.compile(r"(?<=[a-z]\d)_(?=\d(?![\d.]*[bm](?![a-z])))")
_OTHER = re.compile(rf"(?:{'|'.join(sorted(OTHER_THINGS, key=len, reverse=True))})\d*$")
_SMALL_SIZE = re.compile(r"(?<![\d.])0_(?=\d{1,2}[bm])")
_PARTS = re.compile(r"[\\/]+")


class Said(NamedTuple):
    """What a name says of a model's shape."""

    family: str
    version: str
    size: str
    shape: frozenset[str]
    active: str = ""

    def __str__(self) -> str:
        """In words: "llama 3.1 8b"."""
        return " ".join(filter(None, (self.family, self.version, *sorted(self.shape), self.size)))


def said(name: str) -> Said | None:
    """What the last part of a name or path says; None where a part is missing or two are possible."""
    parts = [part for part in _PARTS.split(name.strip()) if part and part != "config.json"]
    hub_id = len(parts) == 2 and not LOCAL.match(name)
    if hub_id and parts[0].lower() in _ALL_MAKERS:
        return None  # a maker's own ids are listed: another one is misspelt, or something new
    return next(filter(None, map(_said, reversed(parts[-1:] if hub_id else parts[-2:]))), None)


def _said(part: str) -> Said | None:
    dotted = _SMALL_SIZE.sub("0.", _VERSION_MARK.sub(".", part.lower()))
    plain = re.sub(r"[^a-z0-9.]+", "-", dotted).strip("-.")
    families: dict[tuple[str, str], None] = {}
    rest = plain
    for family, pattern in _FAMILIES:
        for match in pattern.finditer(rest):
            version = re.sub(r"(\d)[.-]?(?=\d)", r"\1.", match.groupdict().get("version") or "")
            families[family, version] = None
        rest = pattern.sub("-", rest)
    parts = rest.split("-")
    sizes = {word for word in parts if _SIZE.fullmatch(word)}
    if not sizes and any(family == "phi" for family, _ in families):
        sizes = {"mini", "medium"}.intersection(parts)
    active = {word for word in parts if _ACTIVE.fullmatch(word)}
    if len(families) != 1 or len(sizes) != 1 or len(active) > 1 or any(map(_OTHER.match, parts)):
        return None
    (family, version), size = next(iter(families)), sizes.pop()
    if _MIXED.fullmatch(size) and family != "mixtral":
        return None
    return Said(family, version, size, SHAPED.intersection(parts), active.pop() if active else "")


def accounts(family: str) -> tuple[str, ...]:
    """The accounts of a family's makers, in lower case."""
    return _MAKERS[family]


def has_makers_id(ids: Iterable[str]) -> bool:
    """Whether the makers of a family gave one of a record's ids to a model of theirs."""
    known = tuple(ids)
    return any(True for family in _MAKERS for _ in makers_ids(family, known))


def makers_ids(family: str, ids: Iterable[str]) -> Iterator[tuple[Said, str]]:
    """Of a record's ids those that the family's makers gave to its models, with what each says."""
    for name in ids:
        account, _, repository = name.partition("/")
        if account.lower() in _MAKERS[family]:
            found = _said(repository)
            if found is not None and found.family == family:
                yield found, name
