"""The built-in rule pack: one module a rule, in the same form as any other pack."""

from __future__ import annotations

from vramlint.lint.rule import Deferred, Rule
from vramlint_rules import _when as when
from vramlint_rules.vl001_syntax import Syntax
from vramlint_rules.vl002_unknown_key import UnknownKey
from vramlint_rules.vl003_wrong_type import WrongType
from vramlint_rules.vl004_duplicate_key import DuplicateKey
from vramlint_rules.vl902_unused_suppression import UnusedSuppression
from vramlint_rules.vl905_invalid_setting import InvalidSetting

RULES: tuple[type[Rule] | Deferred, ...] = (
    Syntax,
    UnknownKey,
    WrongType,
    DuplicateKey,
    Deferred("vramlint_rules.vl101_does_not_fit", when.does_not_fit),
    Deferred("vramlint_rules.vl102_tight_fit", when.tight),
    Deferred("vramlint_rules.vl103_host_memory", when.offloads),
    Deferred("vramlint_rules.vl104_no_verdict", when.no_verdict),
    Deferred("vramlint_rules.vl105_evaluation_peak", when.worst("evaluation")),
    Deferred("vramlint_rules.vl106_loading_peak", when.worst("load")),
    Deferred("vramlint_rules.vl107_saving_peak", when.worst("save")),
    Deferred("vramlint_rules.vl108_generation_peak", when.worst("generation")),
    Deferred("vramlint_rules.vl109_optimizer_peak", when.worst("optimizer")),
    Deferred("vramlint_rules.vl110_long_rows", when.over),
    Deferred("vramlint_rules.vl111_assumed_to_fit", when.fits_by_assumption),
    Deferred("vramlint_rules.vl112_engine_share", when.estimated(lambda job: job.generation is not None)),
    Deferred("vramlint_rules.vl113_loading_host_memory", when.estimated(lambda job: job.loading == "host")),
    Deferred("vramlint_rules.vl114_unbalanced_pipeline", when.job(lambda job: job.parallel.pipeline > 1)),
    Deferred("vramlint_rules.vl201_refused_combination", when.problems),
    Deferred("vramlint_rules.vl202_no_effect", when.problems),
    Deferred("vramlint_rules.vl203_unquantized_base", when.problems),
    Deferred("vramlint_rules.vl204_checkpointing_twice", when.trainer),
    Deferred("vramlint_rules.vl205_sharding_on_one_gpu", when.zero),
    Deferred("vramlint_rules.vl206_nothing_adapted", when.no_estimate),
    Deferred("vramlint_rules.vl210_heads_not_divisible", when.job(lambda job: job.parallel.tensor > 1)),
    Deferred("vramlint_rules.vl211_more_stages_than_layers", when.job(lambda job: job.parallel.pipeline > 1)),
    Deferred("vramlint_rules.vl212_experts_not_divisible", when.job(lambda job: job.parallel.expert > 1)),
    Deferred("vramlint_rules.vl213_context_not_dividing", when.job(lambda job: job.parallel.context > 1)),
    Deferred("vramlint_rules.vl214_length_beyond_positions", when.long),
    Deferred("vramlint_rules.vl215_unsharded_base", when.packed),
    Deferred("vramlint_rules.vl301_bf16_before_ampere", when.lacks("bf16")),
    Deferred("vramlint_rules.vl302_flash_attention_before_ampere", when.lacks("flash_attention_2")),
    Deferred("vramlint_rules.vl303_fp8_hardware", when.lacks("fp8")),
    Deferred("vramlint_rules.vl304_tf32_before_ampere", when.lacks("tf32")),
    Deferred("vramlint_rules.vl305_flash_attention_3_hardware", when.flash_attention(3)),
    Deferred("vramlint_rules.vl306_flash_attention_4_hardware", when.flash_attention(4)),
    Deferred("vramlint_rules.vl307_more_ranks_than_gpus", when.ranks),
    Deferred("vramlint_rules.vl308_tensor_parallel_over_pcie", when.lacks("nvlink")),
    Deferred("vramlint_rules.vl309_tensor_parallel_across_nodes", when.nodes),
    Deferred("vramlint_rules.vl310_int8_hardware", when.quantized_on_gpu),
    Deferred("vramlint_rules.vl401_float32_frozen_base", when.adapts),
    Deferred("vramlint_rules.vl402_spare_memory", when.fits, opt_in=True),
    Deferred("vramlint_rules.vl601_broken_release", when.sharded),
    Deferred("vramlint_rules.vl901_unknown_gpu", when.declared),
    UnusedSuppression,
    Deferred("vramlint_rules.vl903_unknown_model", when.no_estimate),
    Deferred("vramlint_rules.vl904_missing_companion", when.missing_companion),
    InvalidSetting,
)
