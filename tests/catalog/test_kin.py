"""What a name says of family, version and size, held against hub names whose shapes are known.

`kin.jsonl` is a slice of the names whose weight files have the total, width, layers, heads and vocabulary of
a listed model (as listed by AlexsJones/llmfit 1.1.17).
"""

import json
from pathlib import Path

import pytest

from vramlint.catalog.kin import WITHIN, said
from vramlint.catalog.models import Models
from vramlint.memory.overhead import error_band

NEW = Path(__file__).parents[3] / "shared" / "catalog" / "new"
SLICE = [json.loads(line) for line in (Path(__file__).parent / "kin.jsonl").read_text("utf-8").splitlines()]
EXCEPTIONS = {"Jun-y00/Qwen3-1.7B-ClinicalQA-Distilled"}
"""Names that are wrong about their own model."""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return Models(hub_cache=tmp_path_factory.mktemp("cache"))


def wrong(models, names):
    """The names that are answered with other parameters than their model has."""
    for name, base in names:
        found, true = models.model(name), models.model(base)
        if found is not None and abs(found.parameters / true.parameters - 1) > WITHIN:
            yield name


def test_a_slice_of_hub_names(models):
    assert not set(wrong(models, SLICE)) - EXCEPTIONS
    assert sum(models.model(name) is not None for name, _ in SLICE) > 0.9 * len(SLICE)


@pytest.mark.shared
@pytest.mark.skipif(not NEW.is_dir(), reason="no catalog data beside the checkout")
def test_every_name_that_is_answered_has_the_right_size(models):
    names = json.loads((NEW / "derivatives.json").read_text("utf-8"))["names"]
    some = list(names.items())[::7]
    assert not set(wrong(models, some)) - EXCEPTIONS
    assert sum(models.model(name) is not None for name, _ in some) > 0.4 * len(some)


@pytest.mark.shared
@pytest.mark.skipif(not NEW.is_dir(), reason="no catalog data beside the checkout")
@pytest.mark.parametrize(
    "form", ["{}", "someone/{}-sft", "models/{}", "/data/{}/checkpoint-500", "my-{}-qlora"]
)
def test_no_dangerous_pair_is_confused(models, form):
    for pair in json.loads((NEW / "dangerous-pairs.json").read_text("utf-8")):
        account, _, repository = pair["true"].partition("/")
        found = models.model(form.format(f"{account}/{repository}" if form == "{}" else repository))
        true = models.model(pair["true"])
        assert found is None or found.parameters == pytest.approx(true.parameters, rel=0.001), pair["mistake"]


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("someone/Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
        ("models/Qwen2.5-7B", "Qwen/Qwen2.5-7B"),
        ("/data/llama3_1_8b_merged/checkpoint-500", "meta-llama/Llama-3.1-8B"),
        ("axolotl-quants/gpt-oss-safeguard-20b-MXFP4", "openai/gpt-oss-20b"),
        ("zephyr-7b-sft-qlora", "mistralai/Mistral-7B-v0.1"),
        ("our/qwen2_5-0_5b-dpo", "Qwen/Qwen2.5-0.5B"),
        ("deepseek-r1-distill-qwen-1.5b-ours", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"),
        ("team/gemma-3-4b-it-medical-NVFP4", "google/gemma-3-4b-it"),
        ("team/Phi-4-mini-reasoning-ours", "microsoft/Phi-4-mini-instruct"),
    ],
)
def test_family_version_and_size_are_enough(models, name, listed):
    found, other = models.model(name), models.model(listed)
    assert found.parameters == pytest.approx(other.parameters, rel=WITHIN)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("someone/qwen-7b-chat-mine", id="no version"),
        pytest.param("someone/deepseek-r1-mine", id="no size"),
        pytest.param("someone/llama-8b", id="the size is no version"),
        pytest.param("someone/Qwen3-4B-Qwen3.6-Distilled", id="two versions"),
        pytest.param("gkd_S-Qwen2-0.5B_T-Qwen2-7B", id="two sizes"),
        pytest.param("someone/Qwen3-8B-DFlash", id="a draft model"),
        pytest.param("someone/EAGLE3-Llama-3.1-8B", id="a draft model before the name"),
        pytest.param("google/gemma-4-26B-A4B-it-assistant", id="an assistant model"),
        pytest.param("someone/Qwen3.5-35B-A3B-REAP-19B", id="pruned experts"),
        pytest.param("someone/Qwen3-Embedding-4B-mine", id="an embedder"),
        pytest.param("someone/Qwen3.6-27B-A3B-Coder", id="active parameters that the family does not have"),
        pytest.param("someone/Qwen2.5-Omni-7B-VL", id="two shapes"),
        pytest.param("mistralai/Mistral-7B-v0.l", id="a maker's name that is misspelt"),
        pytest.param("someone/SmolLlama-3.1-900M", id="a size that the family does not have"),
    ],
)
def test_names_that_do_not_say_enough(models, name):
    assert models.model(name) is None


def test_an_assumed_model_says_so_and_widens_the_band(models):
    from vramlint.job import TrainingJob
    from vramlint.lazy_dataclasses import replace

    found = models.model("someone/Llama-3.1-8B-sft")
    assert found.source == "the name says llama 3.1 8b: taken for meta-llama/Llama-3.1-8B"
    job = TrainingJob(model=models.model("meta-llama/Llama-3.1-8B"))
    assert error_band(replace(job, model=found), True) == pytest.approx(error_band(job, True) + found.spread)


def test_what_a_name_says():
    assert str(said("Org/Our-Qwen3-VL-8B-tuned")) == "qwen 3 vl 8b"
    assert said("meta-llama/") is None
    assert said("") is None
