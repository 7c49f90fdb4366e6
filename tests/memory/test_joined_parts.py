"""Models of several parts, priced from their config.json alone."""

from __future__ import annotations

from typing import Any

import pytest

from vramlint.catalog.config_json import model_from_config
from vramlint.job import TrainingJob
from vramlint.memory import CannotEstimate, Estimate, estimate_job
from vramlint.memory.overhead import BAND_NOT_MODELLED

COUNTED = [
    ("qwen2_vl", 73_381_962_752),
    ("qwen2_5_vl", 75_789_228_800),
    ("qwen3_vl", 12_616_410_352),
    ("qwen3_vl_moe", 14_052_070_640),
    ("glm4v", 10_292_777_472),
    ("mistral3", 23_340_272_640),
    ("lighton_ocr", 1_005_647_872),
    ("gemma3", 2_723_312_896),
    ("paligemma", 2_910_390_528),
    ("idefics2", 8_061_394_944),
    ("smolvlm", 6_909_685_760),
    ("internvl", 11_765_025_792),
    ("lfm2_vl", 2_812_857_088),
    ("llava", 7_062_902_784),
    ("llava_next", 7_062_906_880),
    ("blip-2", 1_216_944_384),
    ("instructblip", 1_297_466_112),
    ("qwen2_5_omni_thinker", 11_338_288_896),
    ("qwen3_omni_moe_thinker", 18_418_329_704),
    ("gemma4", 5_077_177_856),
    ("exaone4_5", 12_100_938_496),
    ("cohere2_vision", 35_651_000_064),
    ("vipllava", 7_079_690_240),
]
"""Types with the parameters of their class's defaults, built on the meta device (transformers 5.24)."""


def estimate(**config: Any) -> Estimate:
    model = model_from_config({"architectures": ["X"], **config}, "acme/model")
    assert model is not None
    return estimate_job(TrainingJob(model=model))


@pytest.mark.parametrize(("kind", "parameters"), COUNTED, ids=[kind for kind, _ in COUNTED])
def test_a_class_that_is_claimed_has_its_parameters(kind: str, parameters: int) -> None:
    found = estimate(model_type=kind)
    assert found.error_band < BAND_NOT_MODELLED
    assert found.parameters == parameters


TEXT = {"model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 16, "vocab_size": 128256}
VISION = {"model_type": "new_vision", "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}


def test_an_encoder_that_is_not_known_makes_the_estimate_unsure() -> None:
    found = estimate(model_type="new_vl", text_config=TEXT, vision_config=VISION)
    assert found.error_band >= BAND_NOT_MODELLED
    assert not found.modelled


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audio_config": {"model_type": "new_audio"}}, "audio_config (new_audio), a part with weights"),
        (
            {"vq_config": {"model_type": "vqgan"}},
            "vq_config (vqgan), a part with weights that are not counted",
        ),
        ({"vision_config": {**VISION, "deepstack_visual_indexes": [1, 2]}}, "deepstack_visual_indexes says"),
    ],
    ids=["audio", "vq", "mergers"],
)
def test_a_part_that_nobody_counts_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(CannotEstimate) as refused:
        estimate(**{"model_type": "new_vl", "text_config": TEXT, "vision_config": VISION, **changes})
    assert said in refused.value.message


def test_a_known_type_with_one_more_part_is_not_claimed() -> None:
    with pytest.raises(CannotEstimate, match="audio_config"):
        estimate(model_type="qwen3_vl", audio_config={"model_type": "new_audio", "d_model": 8})


def test_a_layer_counted_from_the_end_is_no_nonsense() -> None:
    assert estimate(model_type="llava", vision_feature_layer=-2).parameters == 7_062_902_784


def test_several_levels_of_the_encoder_go_side_by_side_into_the_projector() -> None:
    one = estimate(model_type="llava", vision_feature_layer=-2)
    three = estimate(model_type="llava", vision_feature_layer=[-2, -5, -8])
    assert three.parameters - one.parameters == 2 * 1024 * 4096


def test_weights_beside_a_plain_decoder_are_named() -> None:
    with pytest.raises(CannotEstimate, match="per_layer_input says"):
        estimate(model_type="gemma3n_text", hidden_size=2048)


def test_heads_of_qwen3_moe_follow_from_the_width_where_no_key_says() -> None:
    """transformers 5.24, modeling_qwen3_moe.py: head_dim or hidden_size // num_attention_heads."""
    sizes = {"hidden_size": 2048, "num_attention_heads": 32, "num_key_value_heads": 4, "num_hidden_layers": 2}
    same = estimate(model_type="qwen3_moe", **sizes, head_dim=64).parameters
    assert estimate(model_type="qwen3_moe", **sizes).parameters == same


def test_a_default_under_a_second_name_gives_way_to_the_first() -> None:
    """step3p5 declares num_local_experts too, which is n_routed_experts by its attribute map."""
    model = model_from_config({"model_type": "step3p5", "hidden_size": 4096}, "acme/step")
    assert model is not None
    assert model.config["n_routed_experts"] == 288
    assert "num_local_experts" not in model.config
