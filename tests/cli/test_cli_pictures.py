"""`vramlint estimate --format svg` and `html` say what the JSON says, and run nothing."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cli_running import Run

from vramlint.lint.format import gib

FULL = "examples/axolotl-llama-3.1-8b-full.yaml"
SVG = "{http://www.w3.org/2000/svg}"


class Page(HTMLParser):
    """The text of a page, its tags, and whether each was closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def moments(run: Run, *arguments: str) -> Any:
    return run("estimate", *arguments, "--format", "json").json


def test_the_picture_stacks_every_moment_of_the_run(run: Run) -> None:
    said = moments(run, FULL, "--gpu", "RTX 4090")
    picture = ElementTree.fromstring(run("estimate", FULL, "--gpu", "RTX 4090", "--format", "svg").out)
    bars = [bar for bar in picture.iter(f"{SVG}rect") if bar.find(f"{SVG}title") is not None]
    scale = [float(bar.attrib["height"]) for bar in bars]
    held = [size for moment in said["moments"] for size in moment["components"].values() if size]
    assert len(bars) == len(held)
    per_pixel = sum(held) / sum(scale)
    assert all(
        abs(size - height * per_pixel) < 0.1 * per_pixel for size, height in zip(held, scale, strict=True)
    )
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert [text for text in texts if text in {moment["name"] for moment in said["moments"]}] == [
        moment["name"] for moment in said["moments"]
    ]
    assert gib(said["device_bytes"]) in texts
    assert "RTX 4090: 23.5 GiB usable" in texts


def test_a_hover_over_the_worst_moment_lists_its_largest_tensors(run: Run) -> None:
    picture = ElementTree.fromstring(run("estimate", FULL, "--format", "svg").out)
    largest = moments(run, FULL)["largest_at_peak"]
    titles = [title.text or "" for title in picture.iter(f"{SVG}title")]
    (listed,) = (title.splitlines()[1:] for title in titles if "\n" in title)
    assert len(listed) == 5
    for line, tensor in zip(listed, largest, strict=False):
        assert tensor["name"] in line


def test_without_a_gpu_there_is_no_end(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("vramlint: 1\nmodel: meta-llama/Llama-3.1-8B\nsequence_length: 512\n", encoding="utf-8")
    assert 'class="end"' not in run("estimate", file, "--format", "svg").out
    assert 'class="end"' in run("estimate", file, "--gpu", "RTX 4090", "--format", "svg").out


def test_the_page_has_every_figure_of_the_text(run: Run) -> None:
    page = Page(run("estimate", FULL, "--gpu", "RTX 4090", "--format", "html").out)
    text = " ".join(page.said)
    assert "DOES NOT FIT" in text
    for line in run("estimate", FULL, "--gpu", "RTX 4090", "--explain").out.splitlines()[1:]:
        assert line.strip() in text
    facts = moments(run, FULL, "--gpu", "RTX 4090")
    for name, size in facts["components"].items():
        assert name.replace("_", " ") in text
        assert gib(size) in text
    assert all(tensor["name"] in text for tensor in facts["largest_at_peak"])


def test_the_textbook_sum_is_on_the_page(run: Run) -> None:
    text = " ".join(Page(run("estimate", "examples/textbook-7b.job.yaml", "--format", "html").out).said)
    assert "14 + 14 + 56 = 84 GB" in text


def test_a_page_shows_several_files_and_a_picture_one(run: Run) -> None:
    two = (FULL, "examples/trl-sft-tight.yaml")
    page = Page(run("estimate", *two, "--format", "html").out)
    assert page.tags.count("svg") == page.tags.count("section") == 2
    refused = run("estimate", *two, "--format", "svg")
    assert refused.code == 2
    assert "a picture shows one file" in refused.err


@pytest.mark.parametrize("format", ["svg", "html"])
def test_nothing_is_run_or_fetched(run: Run, tmp_path: Path, format: str) -> None:
    """Whatever the file is called and says."""
    file = tmp_path / '"><script>alert(1)<'
    file.mkdir()
    file = file / "run.yaml"
    facts = {"model_type": "llama", "name": "</title><img src=x onerror=alert(1)>\x1b[31m", "hidden_size": 64}
    facts |= {"num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": 1000}
    file.write_text(json.dumps({"vramlint": 1, "model": facts, "sequence_length": 64}), encoding="utf-8")
    out = run("estimate", file, "--format", format).out
    assert out.strip()
    assert "\x1b" not in out
    page = Page(out)
    assert not {"script", "img", "iframe", "link", "object"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("href", "src")]
    if format == "html":
        assert "default-src 'none'" in out


def test_what_cannot_be_estimated_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("some: values\n", encoding="utf-8")
    outcome = run("estimate", tmp_path / "a.yaml", "--format", "html")
    assert outcome.code == 2
    assert "not a training config" in outcome.err
    assert outcome.out == ""
