import pytest

from vramlint.catalog.models import Models
from vramlint.catalog.table import FOLDER, Table

RECORDS = list(Table(FOLDER / "models.jsonl"))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return Models(hub_cache=tmp_path_factory.mktemp("cache"))


def test_a_catalogued_model_has_its_shape_and_counts(models):
    model = models.model("meta-llama/Llama-3.1-8B")
    assert model.parameters == 8_030_261_248
    assert model.model_type == "llama"
    assert model.config["architectures"] == ["LlamaForCausalLM"]
    assert (model.config["hidden_size"], model.config["num_hidden_layers"]) == (4096, 32)
    assert (model.config["num_key_value_heads"], model.config["vocab_size"]) == (8, 128256)
    assert (model.dtype, model.source, model.quantized_as) == ("bfloat16", "catalog", None)
    assert sum(m.in_features * m.out_features * m.count for m in model.linear_modules) == 6_979_321_856


def test_ids_are_compared_without_case_and_come_back_as_listed(models):
    assert models.model("META-LLAMA/llama-3.1-8b").name == "meta-llama/Llama-3.1-8B"


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["ids"][0])
def test_every_record_is_found_by_each_of_its_ids(models, record):
    for name in record["ids"]:
        found = models.model(name)
        assert (found.name, found.title, found.parameters) == (name, record["title"], record["parameters"])
        assert found.quantized_as is None
    for scheme, names in record.get("quantized", {}).items():
        for name in names:
            found = models.model(name)
            assert (found.title, found.quantized_as) == (record["title"], scheme)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["ids"][0])
def test_the_counts_of_a_record_agree_with_each_other(models, record):
    model = models.model(record["ids"][0])
    assert model.parameters > 0
    if model.breakdown:
        assert sum(model.breakdown.values()) == model.parameters
    assert record.get("active", 0) <= model.parameters


WITH_LINEAR_MODULES = [record for record in RECORDS if "linear" in record]
TIED_LAYERS = ("Zyphra/Zamba2-1.2B",)
"""Six modules share one set of weights: each takes an adapter of its own, the weights count once."""


@pytest.mark.parametrize("record", WITH_LINEAR_MODULES, ids=lambda record: record["ids"][0])
def test_the_linear_layers_of_a_record_hold_what_its_breakdown_says(models, record):
    model = models.model(record["ids"][0])
    held = sum((m.in_features + m.bias) * m.out_features * m.count for m in model.linear_modules)
    linear = model.breakdown["linear"]
    if model.name in TIED_LAYERS:
        assert held > linear
    else:
        assert held in (linear, linear + model.breakdown.get("lm_head", 0))


@pytest.mark.parametrize(
    "path",
    [
        "/data/teknium_OpenHermes-2.5-Mistral-7B",
        "../models/teknium__OpenHermes-2.5-Mistral-7B/",
        "~/hf/teknium--OpenHermes-2.5-Mistral-7B",
    ],
)
def test_a_folder_named_after_account_and_repository(models, path):
    found = models.model(path)
    assert found.source == "catalog (the path is named like teknium/OpenHermes-2.5-Mistral-7B)"


def test_a_folder_named_otherwise_is_taken_for_the_family_it_says(models):
    found = models.model("/data/my_OpenHermes-2.5-Mistral-7B-again")
    assert found.source == "the name says mistral 7b: taken for mistralai/Mistral-7B-v0.1"
    assert found.spread >= 0.03


def test_ids_belong_to_one_record_each():
    names = [name.lower() for record in RECORDS for name in record["ids"]]
    names += [
        name.lower() for record in RECORDS for ids in record.get("quantized", {}).values() for name in ids
    ]
    assert len(names) == len(set(names))


def test_every_record_says_the_shape_of_its_language_part():
    for record in RECORDS:
        if (
            record["kind"] in ("decoder", "hybrid-decoder", "vision-language")
            and record["verified"] != "published"
        ):
            text = {**record["config"], **record["config"].get("text_config", {})}
            widths = ("hidden_size", "n_embd", "d_model", "dim")
            depths = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "layers_block_type")
            assert any(key in text for key in widths), record["ids"][0]
            assert any(key in text for key in depths), record["ids"][0]
            assert "vocab_size" in text, record["ids"][0]


@pytest.mark.parametrize(
    ("name", "original", "scheme", "dtype"),
    [
        ("meta-llama/Llama-3.1-8B-bnb-4bit", "meta-llama/Llama-3.1-8B", "bnb-nf4", "bfloat16"),
        ("Qwen/Qwen2-0.5B-GPTQ", "Qwen/Qwen2-0.5B", "gptq-int4", "bfloat16"),
        ("Qwen/Qwen2-0.5B-GPTQ-Int8", "Qwen/Qwen2-0.5B", "gptq-int8", "bfloat16"),
        ("TheBloke/Mistral-7B-v0.1-AWQ", "mistralai/Mistral-7B-v0.1", "awq-int4", "bfloat16"),
        ("neuralmagic/Qwen2-0.5B-Instruct-FP8", "Qwen/Qwen2-0.5B-Instruct", "fp8", "bfloat16"),
        ("deepseek-ai/DeepSeek-V3-0324-bf16", "deepseek-ai/DeepSeek-V3-0324", None, "bfloat16"),
        ("unsloth/Llama-2-13b-hf", "meta-llama/Llama-2-13b-hf", None, "float16"),
    ],
)
def test_a_reupload_is_known_by_its_name_and_says_so(models, name, original, scheme, dtype):
    found = models.model(name)
    assert (found.name, found.quantized_as, found.dtype) == (name, scheme, dtype)
    assert found.parameters == models.model(original).parameters
    assert found.source.startswith("catalog (")
    assert "re-upload of" in found.source


@pytest.mark.parametrize(
    "name",
    [
        "TheBloke/unheard-of-7B-GPTQ",
        "llama",
        "gpt",
        "",
    ],
)
def test_names_that_only_look_alike_are_not_guessed(models, name):
    assert models.model(name) is None


@pytest.mark.parametrize(
    ("path", "listed"),
    [
        ("checkpoints/meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-7b-hf"),
        ("/tmp/Meta-Llama-3.1-8B-Instruct/", "meta-llama/Meta-Llama-3.1-8B-Instruct"),
        ("~/models/gemma-1.1-7b-it", "google/gemma-1.1-7b-it"),
        ("C:\\models\\Qwen\\Qwen3-8B", "Qwen/Qwen3-8B"),
        ("/cache/models--Qwen--Qwen3-8B/snapshots/abc", "Qwen/Qwen3-8B"),
        ("~/.cache/modelscope/hub/Qwen/Qwen2___5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct"),
        ("../LLM-Research/Llama-3___2-3B", "meta-llama/Llama-3.2-3B"),
        ("/kaggle/input/gemma-2/transformers/gemma-2-2b-it/2", "google/gemma-2-2b-it"),
        ("/kaggle/input/llama-3.1/transformers/8b-instruct/1", "meta-llama/Llama-3.1-8B-Instruct"),
        ("./gpt2/config.json", "openai-community/gpt2"),
    ],
)
def test_a_path_that_is_not_here_is_known_by_its_end(models, path, listed):
    found = models.model(path)
    assert (found.name, found.parameters) == (path, models.model(listed).parameters)
    assert found.source == f"catalog (the path is named like {listed})"


@pytest.mark.parametrize("path", ["/out/checkpoint-500", "models/my-model", "./model", "/", "./", "~", "a//"])
def test_other_paths_are_not_guessed(models, path):
    assert models.model(path) is None


def test_words_of_a_record_are_not_taken_for_its_id(models):
    assert models.model("LlamaForCausalLM") is None
    assert models.model("q_proj") is None
    assert models.model("gpt2").title == "GPT-2 small 124M"


def test_remote_code_has_its_own_projection_names(models):
    modules = {
        (m.name, m.in_features, m.out_features)
        for m in models.model("baichuan-inc/Baichuan-7B").linear_modules
    }
    assert ("W_pack", 4096, 12288) in modules
    assert not any(name == "q_proj" for name, *_ in modules)


def test_nearest_finds_what_was_meant(models):
    assert models.nearest("meta-lama/Llama-3.1-8b", 3)[0] == "meta-llama/Llama-3.1-8B"
    assert models.nearest("Qwen/Qwen2.5-7B-Instuct", 1) == ["Qwen/Qwen2.5-7B-Instruct"]
    assert models.nearest("zzzzzz", 3) == []


def test_search_wants_every_word(models):
    found = models.search("qwen3 8b")
    assert "Qwen/Qwen3-8B" in [model.name for model in found]
    assert all("8b" in " ".join([model.title, model.name]).lower() or model.title for model in found)
    assert models.search("qwen3 no-such-word") == []


def test_the_data_is_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 1_000_000
