"""Models that take turns with NeMo RL's policy: PPO's value model, a teacher.

All of them are held by the same GPUs, and while one works the others wait on the host (`algorithms/ppo.py`:
offload_to_cpu, finish_training; `algorithms/distillation.py`: offload_after_refit).
"""

from __future__ import annotations

from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import UNSET, Context
from vramlint.dialects.kit.reader import Reader, positive
from vramlint.dialects.kit.reading import role_model
from vramlint.job import Roles

_SHARED = (
    "dtensor_cfg.enabled",
    "dtensor_cfg.tensor_parallel_size",
    "dtensor_cfg.context_parallel_size",
    "dtensor_cfg.dp_replicate_size",
    "dtensor_cfg.sequence_parallel",
    "dtensor_cfg.activation_checkpointing",
    "dtensor_cfg.cpu_offload",
    "dtensor_cfg.lora_cfg.enabled",
    "megatron_cfg.enabled",
    "megatron_cfg.activation_checkpointing",
    "megatron_cfg.tensor_model_parallel_size",
    "megatron_cfg.pipeline_model_parallel_size",
    "megatron_cfg.context_parallel_size",
    "precision",
)
"""What the value model must have as the policy has it, to be walked as the policy is."""
_FULL_TRAINING, _FORWARD = 16, 4
"""Bytes a weight over all GPUs: float32 weights, gradients and two moments; float32 weights alone (DTensor;
Megatron's 2, 2 and 12 against 2 differ less from one another).
"""


def read_roles(reader: Reader, context: Context, policy: Model) -> Roles:
    """The models beside the policy."""
    if reader.has("ppo"):
        return _value(reader, context)
    if reader.has("distillation"):
        return _teacher(reader, context, policy)
    return Roles()


def _value(reader: Reader, context: Context) -> Roles:
    other = next(
        (path for path in _SHARED if _plain(reader, f"value.{path}") != _plain(reader, f"policy.{path}")),
        None,
    )
    if other is not None:
        reason = f"the value model's own step is not counted: value.{other} is not the policy's"
        reader.leave_open("roles.critic", reason, at_least=True)
        return Roles(critic="none", reward_model="none")
    critic = role_model(reader, context, "value.model_name", "roles.critic")
    rows = reader.get("value.train_micro_batch_size", positive)
    length = reader.get("value.max_total_sequence_length", positive)
    return Roles(
        critic=critic,
        critic_steps="apart",
        critic_tokens=rows * length if rows and length else None,
        critic_away="both",
        reward_model="none",
    )


def _plain(reader: Reader, path: str) -> Any:
    """A value as written, where a key that is left out says as much as one that is off."""
    value = reader.raw(path)
    return False if value in (UNSET, None) else value


def _teacher(reader: Reader, context: Context, policy: Model) -> Roles:
    """No room beside the student, whose step needs more than the teacher's pass as long as the teacher is not
    many times larger.
    """
    teacher = role_model(reader, context, "teacher.model_name", "roles.teacher")
    share = 1 if not reader.flag("policy.dtensor_cfg.lora_cfg.enabled") else _FORWARD / _FULL_TRAINING
    student = (policy.parameters or 0) * _FULL_TRAINING * share
    size = (teacher.parameters or 0) * _FORWARD if isinstance(teacher, Model) else None
    if size is None or size > student:
        reason = "the teacher's own pass, while the student waits on the host, is not counted"
        reader.leave_open("roles.teacher", reason, at_least=True)
    else:
        reader.default("roles.teacher", "waits on the host while the student trains")
    return Roles(teacher="none")
