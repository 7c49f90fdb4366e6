"""The command lines of launchers: which options take a value, and what they decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vramlint.dialects.kit.run import Given
from vramlint.dialects.launching.arguments import after_equals, settled


class Options(NamedTuple):
    """A launcher's command line. `switches` take no value; every other option does."""

    switches: frozenset[str]

    def split(self, words: Sequence[Given]) -> tuple[dict[str, Given], int]:
        """The options before the first word that is none, by name with "_" for "-"; and that word's index."""
        found: dict[str, Given] = {}
        at = 0
        while at < len(words):
            word = words[at].value
            if not isinstance(word, str) or not word.startswith("-") or word in ("-", "--"):
                break
            name, equals, value = word.lstrip("-").partition("=")
            name = name.replace("-", "_")
            if equals:
                found[name] = after_equals(words[at], value)
            elif name in self.switches or at + 1 == len(words):
                found[name] = settled(words[at], True)
            else:
                at += 1
                found[name] = settled(words[at])
            at += 1
        return found, at


TORCHRUN = Options(
    frozenset(("standalone", "m", "module", "no_python", "run_path", "virtual_local_rank", "use_env"))
)
"""torch/distributed/run.py and launch.py of torch 2.13."""
ACCELERATE = Options(
    frozenset(
        (
            "quiet", "q", "cpu", "multi_gpu", "tpu", "enable_cpu_affinity", "dynamo_use_fullgraph",
            "dynamo_use_dynamic", "dynamo_use_regional_compilation", "use_deepspeed", "use_fsdp",
            "use_parallelism_config", "use_megatron_lm", "same_network", "m", "module", "no_python",
            "tpu_cluster", "no_tpu_cluster", "tpu_use_sudo", "downcast_bf16", "debug",
            "fp8_use_autocast_during_eval",
        )
    )
)  # fmt: skip
"""commands/launch.py of accelerate 1.15."""
DEEPSPEED = Options(
    frozenset(
        (
            "module", "no_python", "no_local_rank", "no_ssh", "no_ssh_check", "force_multi", "save_pid",
            "elastic_training", "bind_cores_to_rank", "q", "quiet",
        )
    )
)  # fmt: skip
"""launcher/runner.py of deepspeed 0.19.2."""

COMPOSER = Options(frozenset(("m", "module_mode", "c", "command_mode", "v", "verbose", "version")))
"""cli/launcher.py of composer 0.32."""

_ENGINES: Mapping[str, str] = {
    "use_deepspeed": "DEEPSPEED",
    "use_fsdp": "FSDP",
    "use_megatron_lm": "MEGATRON_LM",
    "multi_gpu": "MULTI_GPU",
}
_DEEPSPEED_KEYS = frozenset(
    (
        "deepspeed_config_file", "zero_stage", "offload_optimizer_device", "offload_param_device",
        "offload_optimizer_nvme_path", "offload_param_nvme_path", "gradient_accumulation_steps",
        "gradient_clipping", "zero3_init_flag", "zero3_save_16bit_model", "deepspeed_hostfile",
        "deepspeed_exclusion_filter", "deepspeed_inclusion_filter", "deepspeed_multinode_launcher",
        "deepspeed_moe_layer_cls_names",
    )
)  # fmt: skip
_TOP_KEYS = frozenset(("num_processes", "num_machines", "mixed_precision", "gpu_ids"))


def engine_keys(options: Mapping[str, Given]) -> dict[str, Given]:
    """The options of `accelerate launch` by the dotted keys of its file, which they beat."""
    keys: dict[str, Given] = {}
    for name, given in options.items():
        if name in _ENGINES:
            keys["distributed_type"] = Given(_ENGINES[name], given.place, given.how)
        elif name.startswith("fsdp_"):
            keys[f"fsdp_config.{name}"] = given
        elif name.startswith("parallelism_config_"):
            keys[f"parallelism_config.{name}"] = given
        elif name in _DEEPSPEED_KEYS:
            keys[f"deepspeed_config.{name}"] = given
        elif name in _TOP_KEYS:
            keys[name] = given
    return keys
