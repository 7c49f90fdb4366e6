import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramlint.catalog.config_json import model_from_config
from vramlint.catalog.facts import GIB
from vramlint.catalog.gpu_spec import MOST, parse_declaration
from vramlint.catalog.gpus import find_gpu, find_instance, meanings, nearest_gpus, search_gpus
from vramlint.catalog.models import Models


@pytest.mark.parametrize(
    ("text", "card", "count", "nodes"),
    [
        ("A100-80GB x8", "A100 80GB SXM", 8, 1),
        ("A100-80GBx8", "A100 80GB SXM", 8, 1),
        ("8x H100", "H100 80GB SXM", 8, 1),
        ("8 × H100", "H100 80GB SXM", 8, 1),
        ("8 A100 80GB", "A100 80GB SXM", 8, 1),
        ("8x80GB A100", "A100 80GB SXM", 8, 1),
        ("2 x RTX 3080 12GB", "RTX 3080 12GB", 2, 1),
        ("ml.p4d.24xlarge", "A100 40GB SXM", 8, 1),
        ("H100*4", "H100 80GB SXM", 4, 1),
        ("H100:8", "H100 80GB SXM", 8, 1),
        ("gpu:a100:4", "A100 40GB SXM", 4, 1),
        ("RTX-4090", "RTX 4090", 1, 1),
        ("  RTX 4090  ", "RTX 4090", 1, 1),
        ("5090x8", "RTX 5090", 8, 1),
        ("2x 5090", "RTX 5090", 2, 1),
        ("7900xtx", "RX 7900 XTX", 1, 1),
        ("p4d.24xlarge", "A100 40GB SXM", 8, 1),
        ("p4d.24xlarge x2", "A100 40GB SXM", 8, 2),
        ("gpu_8x_h100_sxm5", "H100 80GB SXM", 8, 1),
        ("a100x4", "A100 40GB SXM", 4, 1),
        ("A100 3g.40gb x2", "A100 80GB SXM MIG 3g.40gb", 2, 1),
        ("Standard_NV18ads_A10_v5", "A10 (a share of 0.5)", 1, 1),
    ],
)
def test_ways_to_declare_hardware(text, card, count, nodes):
    declared = parse_declaration(text)
    assert (declared.gpu.name, declared.count, declared.nodes) == (card, count, nodes)


@pytest.mark.parametrize(
    ("text", "gib", "count"),
    [
        ("24GiB", 24, 1),
        ("24GB x2", 24, 2),
        ("2x 24 GB", 24, 2),
        ("4x24GB", 24, 4),
        ("80G", 80, 1),
        ("8192MiB", 8, 1),
    ],
)
def test_a_plain_size_is_a_card_of_that_memory(text, gib, count):
    declared = parse_declaration(text)
    assert (declared.gpu.memory_bytes, declared.count) == (gib * GIB, count)
    assert 0.95 < declared.gpu.usable_bytes / declared.gpu.memory_bytes < 1


@pytest.mark.parametrize(
    ("text", "name", "count"),
    [
        ("A101-80GB x8", "A101-80GB", 8),
        ("4x Foo", "Foo", 4),
        ("6090 Ti x2", "6090 Ti", 2),
        ("6090 Ti", "6090 Ti", 1),
        ("", "", 1),
        ("0GB", "0GB", 1),
        ("x8", "x8", 1),
    ],
)
def test_an_unknown_name_comes_back_for_the_message(text, name, count):
    declared = parse_declaration(text)
    assert (declared.name, declared.gpu, declared.count) == (name, None, count)


def test_the_machines_own_gpus_are_asked_for_without_failing():
    declared = parse_declaration("auto")
    assert declared.count >= 1
    assert declared.gpu is not None or declared.name == "auto"


MODELS = Models()
NAMES = st.one_of(
    st.text(),
    st.text(alphabet="0123456789xX×*:. gGbBiMIG-/~\\", max_size=20),
    st.sampled_from(["~", "~nobody/x", ".", "..", "/", "../..", "/dev/stdin", "a" * 5000, "\ud800", "%00"]),
)


@given(NAMES)
def test_no_text_raises(text):
    find_gpu(text)
    meanings(text)
    find_instance(text)
    nearest_gpus(text, 2)
    search_gpus(text)
    assert 1 <= parse_declaration(text).count <= MOST
    MODELS.model(text, "/nonexistent")
    MODELS.model(text)
    MODELS.nearest(text, 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "model_type",
        "parameters",
        "quantization_config",
        "text_config",
        "dtype",
        "torch_dtype",
        "hidden_size",
        "bits",
    ]
)


@given(st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON)))
def test_no_mapping_raises(config):
    model_from_config(config, "model")
    model_from_config(
        {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": config}}, "m"
    )
