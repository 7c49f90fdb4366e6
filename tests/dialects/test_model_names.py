import pytest

from vramlint.catalog.models import Models
from vramlint.dialects.torchtitan.models import LLAMA3_DEBUG, TORCHTITAN, torchtitan_model
from vramlint.dialects.torchtune.models import (
    TORCHTUNE,
    torchtune_builder,
    torchtune_config,
    torchtune_model,
)

MODELS = Models()


NAMED = {*TORCHTUNE.values(), *(value for value in TORCHTITAN.values() if isinstance(value, str))}


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_model_they_name_is_in_the_catalog(name):
    assert MODELS.catalogued(name) is not None


@pytest.mark.parametrize(
    ("component", "adapter", "name"),
    [
        ("torchtune.models.llama3_1.llama3_1_8b", "", "meta-llama/Llama-3.1-8B"),
        ("torchtune.models.llama3_1.lora_llama3_1_8b", "lora", "meta-llama/Llama-3.1-8B"),
        ("torchtune.models.qwen2_5.qlora_qwen2_5_7b_instruct", "qlora", "Qwen/Qwen2.5-7B"),
        ("torchtune.models.phi3.qdora_phi3_mini", "qdora", "microsoft/Phi-3-mini-4k-instruct"),
        ("torchtune.models.llama2.llama2", "", None),
        ("", "", None),
    ],
)
def test_builders(component, adapter, name):
    assert torchtune_builder(component)[0] == adapter
    assert torchtune_model(component) == name


def test_a_builder_with_dimensions_has_a_config():
    arguments = {"vocab_size": 32000, "num_layers": 22, "num_heads": 32, "num_kv_heads": 4, "embed_dim": 2048}
    config = torchtune_config("torchtune.models.llama2.llama2", {**arguments, "intermediate_dim": None})
    assert config["model_type"] == "llama"
    # Without a width torchtune rounds 2/3 of 4 x 2048 up to 5632, which is TinyLlama's.
    assert (config["hidden_size"], config["num_hidden_layers"], config["intermediate_size"]) == (
        2048,
        22,
        5632,
    )
    assert torchtune_config("torchtune.models.llama2.llama2_7b", {}) is None
    assert torchtune_config("torchtune.models.gemma.gemma", {})["tie_word_embeddings"] is True


@pytest.mark.parametrize(
    ("name", "flavor", "found"),
    [
        ("llama3", "8B", "meta-llama/Llama-3.1-8B"),
        ("llama3", "8B_flex", "meta-llama/Llama-3.1-8B"),
        ("llama3", "debugmodel_varlen_attn", LLAMA3_DEBUG),
        ("deepseek_v3", "671B", "deepseek-ai/DeepSeek-V3"),
        ("llama4", "17bx16e_irope", TORCHTITAN["llama4", "17bx16e"]),
        ("flux", "flux-dev", None),
        ("llama3", "", None),
    ],
)
def test_flavors(name, flavor, found):
    assert torchtitan_model(name, flavor) == found
