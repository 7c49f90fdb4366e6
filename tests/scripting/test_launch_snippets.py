"""What shell text is found in files of other kinds and where each piece of it is, as text that a reader can
review: each file as it is, and without each of its lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from vramlint.dialects.launching.lines import read_script
from vramlint.dialects.launching.snippets import snippets

WORKFLOW = """\
env:
  ALL: "8"
  SINGLE: 'x y'   # kept
  SECRET: ${{ secrets.KEY }}
jobs:
  other:
    env:
      NUMBER: 3
    steps:
      - run: echo $NUMBER
  train:
    env:
      MODEL: gpt2
      "QUOTED": a'b
      LIST: [1]
    steps:
      - name: one line
        run: torchrun --nproc_per_node ${{ env.ALL }} train.py --model ${{env.MODEL}}
      - run: "python train.py --size 4"
      - name: block
        env:
          SIZE: 16
        run: |
          export A=1

          accelerate launch --num_processes $ALL \\
            train.py --size $SIZE
      - run: >-
          torchrun
          --nproc_per_node 2
          train.py
        shell: bash
      - command: ["torchrun", "--nproc_per_node=2", "train.py"]
      - args:
          - python
          - train.py
          - --size=4
  last: {}
"""
SKY = """\
resources:
  accelerators: H100:8
envs:
  MODEL: gpt2
setup: |  # once
  pip install trl
run: |
  trl sft --model_name_or_path $MODEL --dataset_name x

  echo done
other: 1
"""
README = """\
# Train

```bash
$ torchrun --nproc_per_node 2 train.py \\
    --size 4
printed
(env) $ python train.py
```

~~~console
> python train.py --size 2
~~~

```
accelerate launch train.py
```

```
no line of a launch
```

````python
python train.py
````

``` {.sh}
deepspeed train.py
```
"""
MAKEFILE = """\
SIZE ?= 4
GPUS := 2
.PHONY: train
train: data \\
  other
\t@torchrun --nproc_per_node $(GPUS) train.py --size ${SIZE} --cost $$HOME
\t-python train.py; \\
\t  echo done
ifeq (1,1)
two:; python train.py --size 3
endif
"""
JUSTFILE = """\
size := "4"
set shell := ["bash"]
train model="gpt2" *args:
    # a comment
    @torchrun --nproc_per_node 2 train.py --size {{size}} --model {{ model }}

[private]
other:
    #!/usr/bin/env bash
    python train.py
"""
GITLAB = """\
variables:
  SIZE: "4"
train:
  before_script:
    - pip install x
  script:
    - export N=2
    - torchrun --nproc_per_node $N train.py --size $SIZE
    - |
      python train.py
      python other.py
"""
SCRIPT = "#!/bin/sh\ntorchrun --nproc_per_node 2 train.py\n"
FILES = {
    ".github/workflows/train.yml": WORKFLOW,
    "sky.yaml": SKY,
    "README.md": README,
    "Makefile": MAKEFILE,
    "train.mk": MAKEFILE,
    "justfile": JUSTFILE,
    "all.just": JUSTFILE,
    ".gitlab-ci.yml": GITLAB,
    "run.slurm": SCRIPT,
    "run": SCRIPT,
    "run.txt": SCRIPT,
    "words": SCRIPT.partition("\n")[2],
}


def told(text: str, path: str) -> Iterator[str]:
    """A line a piece, with the text of the file that it stands for; then the runs that it starts."""
    for snippet in snippets(text, path):
        ends = [*(piece.start for piece in snippet.pieces), len(snippet.text)]
        for piece, (start, end) in zip(snippet.pieces, pairwise(ends), strict=True):
            first, last = piece.place.span
            said = f"{snippet.text[start:end]!r}"
            there = f"{text[first:last]!r}"
            stands = "as" if piece.exact else "roughly"
            yield f"  {first}-{last} {said if said == there else f'{said} {stands} {there}'}"
        for run in read_script(snippet).runs:
            arguments = {key: each.value for key, each in run.arguments.items()}
            program, count = run.program, run.launch.per_node or run.launch.processes
            yield f"  run {program.value} at {program.place.span} by {run.launch.by}: {arguments}"
            if count is not None:
                yield f"  of {count.value} at {count.place.span} {count.how} {count.why}"
        yield "  -"


@pytest.mark.parametrize("path", FILES)
def test_what_shell_text_a_file_holds(path: str, snapshot: Callable[[str, str], None]) -> None:
    text = FILES[path]
    whole = list(told(text, path))
    lines = text.splitlines(keepends=True)
    found = ["whole", *whole]
    for number, line in enumerate(lines):
        other = "".join([*lines[:number], " " * (len(line) - 1) + "\n", *lines[number + 1 :]])
        after = list(told(other, path))
        gone = [each for each in whole if each not in after]
        new = [each for each in after if each not in whole]
        found += [f"without {line.rstrip()}", *(f"- {each}" for each in gone), *(f"+ {each}" for each in new)]
    name = path.rpartition("/")[2].strip(".")
    snapshot(f"shell-in-{name}.txt", "\n".join(found) + "\n")
