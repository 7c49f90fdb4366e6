"""Our lexer against tree-sitter's grammar of bash: the words of every command are at the same places."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vramlint.document.shell.lexer import Word, tokenize

tree_sitter = pytest.importorskip("tree_sitter", reason="a development dependency: scripts/dev installs it")
bash = pytest.importorskip("tree_sitter_bash", reason="a development dependency: scripts/dev installs it")

ROOT = Path(__file__).parents[2]
INSIDE = frozenset(("command_substitution", "process_substitution", "heredoc_body", "string", "array"))
"""Nodes whose inner commands are not tokens of the text itself."""
SCRIPTS = {
    "continuations": "torchrun --nproc_per_node 8 \\\n  train.py \\\n  --a 1 \\\n  # why\n\necho done\n",
    "quotes": 'a \'b c\' "d $e" f\\ g "h\\"i" $\'j\\n\' k\'l\'m"n"\n',
    "expansions": 'run --x=${X:-"a b"} --y "${Y}" $((1 + 2)) $(date +%s) `hostname` ${Z%.*}\n',
    "prefix": "A=1 B='2 3' CUDA_VISIBLE_DEVICES=0,1 python -m train --x $A\n",
    "arrays": 'ARGS=(--a 1 --b "two words")\nARGS+=(--c)\nrun "${ARGS[@]}" "$@"\n',
    "conditions": 'if [ "$1" = x ]; then\n  run a\nelif [[ -n $2 && $3 == y* ]]; then run b\nelse c; fi\n',
    "loops": 'for s in 1 2 3; do\n  run --seed $s &\ndone\nwait\nwhile read -r l; do echo "$l"; done < f\n',
    "case": 'case "$1" in\n  --a) A=$2; shift 2;;\n  b|c) run d;;\n  *) exit 1;;\nesac\n',
    "redirections": "run a > out.log 2>&1 | tee -a log.txt\nrun b 2>/dev/null &> all <in\n",
    "heredoc": "cat > a.yaml <<EOF\na: $X\nb: 'c'\nEOF\nrun a.yaml\ncat <<'E' | tee x\n$not\nE\nrun z\n",
    "functions": 'f() {\n  local a=$1\n  run "$a" && other || third\n}\nf x; (cd b && run c)\n',
    "slurm": "#!/bin/bash\n#SBATCH --nodes=2\nexport A=b\nsrun --ntasks=2 bash -c 'torchrun \"$@\"' -- x\n",
    "comments": "run a#b # c\n# run d\nrun '#e' \"#f\"\n",
}


def commands(node: Any) -> Iterator[list[tuple[int, int]]]:
    """The places of the words of each command, in bytes."""
    if node.type == "command":
        yield [
            (child.start_byte, child.end_byte)
            for child in node.named_children
            if "redirect" not in child.type and child.type not in ("comment", "herestring_redirect")
        ]
    for child in node.children:
        if child.type not in INSIDE:
            yield from commands(child)


def judged(text: str) -> list[list[str]]:
    """The commands of which some word is not one of ours: as tree-sitter has them."""
    data = text.encode()
    parser = tree_sitter.Parser(tree_sitter.Language(bash.language()))
    ours = {
        (len(text[: token.span.start].encode()), len(text[: token.span.end].encode()))
        for token in tokenize(text).tokens
        if isinstance(token, Word)
    }
    found = list(commands(parser.parse(data).root_node))
    assert found
    return [
        [data[start:end].decode() for start, end in words]
        for words in found
        if any(word not in ours for word in words)
    ]


@pytest.mark.parametrize("name", SCRIPTS)
def test_words_are_where_the_grammar_has_them(name: str) -> None:
    assert judged(SCRIPTS[name]) == []


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("*.sh")), ids=lambda file: file.name)
def test_examples(file: Path) -> None:
    assert judged(file.read_text(encoding="utf-8")) == []
