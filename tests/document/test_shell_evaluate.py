"""What a script does when it is started without arguments: the words of its commands, what decides each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramlint.document.place import Snippet
from vramlint.document.shell.arithmetic import evaluate as calculate
from vramlint.document.shell.evaluate import evaluate
from vramlint.document.shell.expand import edit, place_of
from vramlint.document.shell.values import how_of, pattern_of, why_open

PIECES = st.sampled_from(
    [
        "if ", "; then ", "; fi\n", "for x in a b; do ", "; done\n", "while true; do ", "case $1 in ", "a) ",
        ";; ", "esac\n", "f() { ", "}\n", "f\n", "train ", "$X ", '"${X:-$Y}" ', "X=$X$X\n", "X+=$X$X\n",
        "X=(a b)\n", "${X[@]} ", "$((X+1)) ", "$(echo $X) ", "[[ -n $X ]] && ", "|| ", "( ", ") ",
        "cat > f <<E\n$X\nE\n", "eval $X\n", "bash -c '$X f'\n", "source s.sh\n", "\\\n", "'", '"',
        "break\n", "exit\n", "shift 2\n", "${X%%*a} ", "{1..9} ", "# why\n",
    ]
)  # fmt: skip


def commands(text: str, **files: str) -> list[list[str]]:
    found = evaluate(
        Snippet.whole(text), lambda name: Snippet.whole(files[name], name) if name in files else None
    )
    return [[pattern_of(word) for word in command.words] for command in found.commands]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("A=4; B=$A\ntrain --n=$B \"$A x\" '$A'", ["--n=4", "4 x", "$A"]),
        ("train ${A:-8} ${B:=9} $B ${C:-\"d e\"}", ["8", "9", "9", "d", "e"]),
        ("A='--x 1 --y'\ntrain $A 2 \"$A\"", ["--x", "1", "--y", "2", "--x 1 --y"]),
        (
            "A=(--a 1)\nA+=(--b \"c d\")\ntrain \"${A[@]}\" ${A[1]} ${#A}",
            ["--a", "1", "--b", "c d", "1", "3"],
        ),
        ("A=7\ntrain $((A * 2 - 1)) $[$A/2] $(expr $A + 1)", ["13", "3", "8"]),
        (
            "F=a/b.c.yaml\ntrain $(basename $F .yaml) ${F%.*} ${F##*/} ${F/b/x}",
            ["b.c", "a/b.c", "b.c.yaml", "a/x.c.yaml"],
        ),
        ("train $A ${A:?set it} $(date) $1 $((A + 1))", ["*", "*", "*", "*", "*"]),
        ("set -- x\nif [ \"$N\" = 1 ]; then A=1; else A=2; fi\ntrain $A", ["*"]),
        ("N=1\nif [[ $N == 1 && -z \"\" ]]; then A=1; else A=2; fi\ntrain $A", ["1"]),
        ("case $N in x) A=1 ;; *) A=1 ;; esac\ntrain $A", ["1"]),
        ("f() { train $1 \"$@\"; }\nf a 'b c'", ["a", "a", "b c"]),
        ("A=--n\nB='train'\n$B $A", ["--n"]),
        ("X=1 train <your model> > log 2>&1", ["*"]),
        ("(( $# )) || A=3\n[ -z \"$A\" ] && A=3\ntrain", []),
    ],
)  # fmt: skip
def test_words_of_one_command(script: str, words: list[str]) -> None:
    assert commands(script) == [["train", *words]]


def test_loops_over_known_items_run_once_for_each() -> None:
    script = "for n in 1 {3..4}; do for m in a b; do [ $n = 3 ] && continue; train $n $m; done; done"
    assert commands(script) == [["train", n, m] for n in "14" for m in "ab"]
    assert commands("for f in $(ls); do train $f; done") == [["train", "*"]]


def test_an_option_parser_keeps_the_defaults() -> None:
    script = """
batch=4
model=""
while [[ $# -gt 0 ]]; do
  case $1 in
    --batch) batch="$2"; shift 2 ;;
    --model) model="$2"; shift 2 ;;
    --gpus) gpus="$2"; shift 2 ;;
    *) echo "unknown: $1"; exit 1 ;;
  esac
done
train $batch "$model" ${gpus:-8}
"""
    assert commands(script) == [["train", "4", "*", "8"]]


def test_a_script_that_ends_runs_nothing_more() -> None:
    assert commands("train a\nexit 0\ntrain b") == [["train", "a"]]
    assert commands("if [ -z $X ]; then exit 1; fi\ntrain b") == [["train", "b"]]


def test_other_scripts_take_part() -> None:
    script = 'set -a\n. ./a.env\nbash run.sh 2\nsrun bash -c "train $N"'
    files = {"./a.env": "N=3\n", "run.sh": "train $N $1\nexit 1\n"}
    assert commands(script, **files) == [["train", "3", "2"], ["train", "3"]]


def test_a_heredoc_is_a_file() -> None:
    found = evaluate(Snippet.whole("N=2\ncat <<E > $D/a.yaml\nx: $N\n  y: 'z'\nE\necho k: v >> $D/a.yaml"))
    assert {name: pattern_of(value) for name, value in found.files.items()} == {
        "*/a.yaml": "x: 2\n  y: 'z'\nk: v\n"
    }


@pytest.mark.parametrize(
    ("reads", "words"),
    [
        ("read -r -d '' A <<EOF\none \\\n --b $X \\\n --c\nEOF", ["one", "--b", "7", "--c"]),
        ("read -rd '' A <<'EOF' || true\none --b $X\nEOF", ["one", "--b", "$X"]),
        ('read -r -d "" A <<< "one two"', ["one", "two"]),
        ("read -r A <<< one", ["*"]),
        ("read -r -d '' A < one.txt", ["*"]),
    ],
)
def test_a_heredoc_is_read_into_a_variable(reads: str, words: list[str]) -> None:
    assert commands(f"X=7\n{reads}\ntrain $A") == [["train", *words]]


def test_a_script_sees_the_assignments_before_it() -> None:
    script = 'train ${SIZE:-1} "$@"'
    assert commands("SIZE=8 ./go.sh --a\n./go.sh", **{"./go.sh": script}) == [
        ["train", "8", "--a"],
        ["train", "1", "*"],
    ]


def test_a_value_knows_what_decides_it() -> None:
    script = 'A=10\nARGS="--b $A --c 3"\ntrain $ARGS --d ${D:-4} $E'
    (command,) = evaluate(Snippet.whole(script)).commands
    decided = []
    for word in command.words[1:]:
        place = place_of(word, command.place)
        decided.append((script[slice(*place.span)], how_of(word)))
    assert decided[:6] == [
        ("--b", "variable"), ("10", "variable"), ("--c", "variable"), ("3", "variable"), ("--d", "literal"),
        ("4", "shell-default"),
    ]  # fmt: skip
    assert why_open(command.words[-1]) == "E is set outside the script"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("-7 / 2", -3), ("-7 % 3", -1), ("2 ** 3 ** 1", 8),
        ("0x10", 16),
        ("1 < 2 && 3 != 4", 1), ("!0", 1), ("7 / 0", None), ("a", None), ("1 +", None), ("9 ** 99", None),
        ("(" * 99, None),
    ],
)  # fmt: skip
def test_arithmetic(text: str, value: int | None) -> None:
    assert calculate(text, lambda name: None) == value


def test_patterns_that_are_not_plain_are_open() -> None:
    assert edit("a.b.c", "%%.*") == "a"
    assert edit("a.b.c", "#*.") == "b.c"
    assert edit("a.b.c", "/.*/x") is None
    assert edit("abc", ":1:1") == "b"
    assert edit("a" * 600, "%x") is None


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_script_ends_and_every_place_is_inside_it(text: str) -> None:
    found = evaluate(Snippet.whole(text), lambda name: Snippet.whole(text, name))
    for command in found.commands:
        for value in (*command.words, *command.prefix.values(), *command.visible.values()):
            spans = [fragment.place.span for fragment in value]
            assert all(0 <= span.start <= span.end <= len(text) for span in spans)
