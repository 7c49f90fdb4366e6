"""PPO in LLaMA-Factory: completions, and the models beside the policy (0.9.5, train/ppo)."""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.hf_trainer import Batch
from vramlint.dialects.kit.dialect import Context
from vramlint.dialects.kit.reader import Reader, positive, text
from vramlint.dialects.kit.reading import role_model
from vramlint.job import Generation, RoleModel, Roles
from vramlint.lazy_dataclasses import replace


def row_length(reader: Reader, objective: str) -> int:
    """Tokens of a row; in PPO completions follow the prompts."""
    prompt = reader.read("cutoff_len", positive)
    return prompt + reader.read("max_new_tokens", positive) if objective == "ppo" else prompt


def read_generation(reader: Reader, batch: Batch) -> Generation:
    """The policy generates a buffer of completions (train/ppo/trainer.py, ppo_train)."""
    reader.default("generation.engine", "the policy generates")
    rows = batch.micro * batch.accumulation * reader.read("ppo_buffer_size", positive)
    return Generation(
        engine="in-process",
        batch=rows,
        completion_length=reader.read("max_new_tokens", positive),
        completions=1,
    )


def read_roles(
    reader: Reader, context: Context, objective: str, schemes: Mapping[tuple[str, int], str]
) -> Roles:
    """Models beside the policy (train/trainer_utils.py, create_ref_model and create_reward_model): the value
    head of PPO is a row of weights, and a reward model that is an adapter shares the policy's base.
    """
    reference = role_model(reader, context, "ref_model", "roles.reference")
    if objective == "reward":
        # 0.9.5, model/loader.py: AutoModelForCausalLMWithValueHead around the causal model.
        reader.default("roles.scores", "a value head beside the language head")
        return Roles(scores=False)
    if objective != "ppo":
        return Roles(reference=reference)
    reader.default("roles.critic", "a value head on the policy")
    kind = reader.read("reward_model_type", text)
    reward: RoleModel = "none"
    if kind == "full":
        reward = role_model(reader, context, "reward_model", "roles.reward_model")
        reward = "unknown" if reward == "auto" else _quantized(reader, reward, schemes)
    return Roles(critic="none", reward_model=reward, reference=reference, scores=False)


def _quantized(reader: Reader, model: RoleModel, schemes: Mapping[tuple[str, int], str]) -> RoleModel:
    bits = reader.get("reward_model_quantization_bit", positive)
    scheme = schemes.get(("bnb", bits), "bnb-nf4") if bits else None
    return replace(model, quantized_as=scheme) if isinstance(model, Model) and scheme else model
