"""The built-in rule pack: one module a rule, in the same form as any other pack."""

from __future__ import annotations

from vramlint.lint.rule import Rule
from vramlint_rules.vl001_syntax import Syntax
from vramlint_rules.vl002_unknown_key import UnknownKey
from vramlint_rules.vl003_wrong_type import WrongType
from vramlint_rules.vl004_duplicate_key import DuplicateKey
from vramlint_rules.vl101_does_not_fit import DoesNotFit
from vramlint_rules.vl102_tight_fit import TightFit
from vramlint_rules.vl103_host_memory import HostMemoryShort
from vramlint_rules.vl104_no_verdict import NoVerdict
from vramlint_rules.vl201_refused_combination import RefusedCombination
from vramlint_rules.vl202_no_effect import NoEffect
from vramlint_rules.vl203_unquantized_base import UnquantizedBase
from vramlint_rules.vl204_checkpointing_twice import CheckpointingTwice
from vramlint_rules.vl205_sharding_on_one_gpu import ShardingOnOneGpu
from vramlint_rules.vl206_nothing_adapted import NothingAdapted
from vramlint_rules.vl301_bf16_before_ampere import Bf16BeforeAmpere
from vramlint_rules.vl302_flash_attention_before_ampere import FlashAttentionBeforeAmpere
from vramlint_rules.vl303_fp8_hardware import Fp8Hardware
from vramlint_rules.vl401_float32_frozen_base import Float32FrozenBase
from vramlint_rules.vl402_spare_memory import SpareMemory
from vramlint_rules.vl601_broken_release import BrokenReleaseRule
from vramlint_rules.vl901_unknown_gpu import UnknownGpu
from vramlint_rules.vl902_unused_suppression import UnusedSuppression
from vramlint_rules.vl903_unknown_model import UnknownModel
from vramlint_rules.vl904_missing_companion import MissingCompanion
from vramlint_rules.vl905_invalid_setting import InvalidSetting

RULES: tuple[type[Rule], ...] = (
    Syntax,
    UnknownKey,
    WrongType,
    DuplicateKey,
    DoesNotFit,
    TightFit,
    HostMemoryShort,
    NoVerdict,
    RefusedCombination,
    NoEffect,
    UnquantizedBase,
    CheckpointingTwice,
    ShardingOnOneGpu,
    NothingAdapted,
    Bf16BeforeAmpere,
    FlashAttentionBeforeAmpere,
    Fp8Hardware,
    Float32FrozenBase,
    SpareMemory,
    BrokenReleaseRule,
    UnknownGpu,
    UnusedSuppression,
    UnknownModel,
    MissingCompanion,
    InvalidSetting,
)
