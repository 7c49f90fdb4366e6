"""The model of a run, explained: its shape, what its weights take, and where the facts come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Key
from vramlint.explain.format import size
from vramlint.explain.summary import component_table, fit_bar, footnote
from vramlint.explain.verdict import verdict_line
from vramlint.explain.worked import textbook_sum
from vramlint.lint.escape import markdown, markdown_code
from vramlint.lint.format import count, gib, model_name
from vramlint.lint.result import Analysis

NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes a weight in NF4 with double quantization: 4 bits, an 8-bit scale per 64 weights, a float32 per 256
scales (Dettmers et al. 2023, section 3)."""

_SHAPE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("{} layers", ("num_hidden_layers", "n_layer", "n_layers", "num_layers")),
    ("hidden {}", ("hidden_size", "n_embd", "d_model", "dim")),
    ("{} heads", ("num_attention_heads", "n_head", "n_heads", "num_heads")),
    ("{} KV heads", ("num_key_value_heads", "n_head_kv", "multi_query_group_num")),
    ("MLP {}", ("intermediate_size", "n_inner", "ffn_dim", "d_ff")),
    ("{} experts", ("num_local_experts", "num_experts", "n_routed_experts")),
    ("{} per token", ("num_experts_per_tok",)),
    ("vocabulary {}", ("vocab_size",)),
)


def explain_model(analysis: Analysis, key: Key | None = None) -> str:
    """The hover of the key that names the model, as Markdown."""
    job = analysis.job
    if job is None:
        effect = key.effect if key else ""
        return "\n\n".join(part for part in (verdict_line(analysis), effect) if part)
    blocks = [explain_model_facts(analysis, job.model), verdict_line(analysis)]
    blocks += [component_table(analysis, "weights"), fit_bar(analysis)]
    blocks += [textbook_sum(analysis.estimate) if analysis.estimate else "", footnote(analysis)]
    return "\n\n".join(block for block in blocks if block)


def explain_model_facts(analysis: Analysis, model: Model) -> str:
    """Name, shape, sizes and where they come from, without the run around it."""
    estimate = analysis.estimate
    parameters = estimate.parameters if estimate else model.parameters
    on_disk = checkpoint(estimate.checkpoint_bytes) if estimate else ""
    facts = f"facts: {source(model)}"
    blocks = (headline(analysis, model, parameters), shape(model), sizes(model, parameters), on_disk, facts)
    return "  \n".join(block for block in blocks if block)


def headline(analysis: Analysis, model: Model, parameters: int | None) -> str:
    """Name, architecture and how much of it is trained."""
    text = f"**{markdown(model_name(model))}**"
    if model.model_type:
        text += f" · {markdown_code(model.model_type)}"
    if parameters is None:
        return text
    text += f" · {parameters:,} parameters"
    estimate = analysis.estimate
    if estimate is None:
        return text
    if estimate.trainable_parameters >= parameters:
        return f"{text}, all trained"
    return f"{text}, {count(estimate.trainable_parameters)} trained"


def shape(model: Model) -> str:
    """The dimensions that decide memory, those that config.json states."""
    inside = model.config.get("text_config")
    config: Mapping[str, Any] = inside if isinstance(inside, Mapping) else model.config
    said = []
    for template, names in _SHAPE:
        value = next((config[name] for name in names if isinstance(config.get(name), int)), None)
        if value is not None:
            said.append(template.format(f"{value:,}" if value >= 10_000 else value))
    tied = config.get("tie_word_embeddings", model.config.get("tie_word_embeddings"))
    if isinstance(tied, bool) and said:
        said[-1] += ", tied" if tied else ", untied"
    return " · ".join(said)


def sizes(model: Model, parameters: int | None) -> str:
    """All weights in the usual dtypes."""
    if not parameters:
        return ""
    texts = [f"**{size(2 * parameters)}** in bf16", f"{gib(4 * parameters)} in fp32"]
    if (packed := nf4_bytes(model, parameters)) is not None:
        texts.append(f"{gib(packed)} in NF4")
    released = model.quantized_as or model.dtype
    stored = f" (released as {markdown(released)})" if released else ""
    return "weights: " + " · ".join(texts) + stored


def nf4_bytes(model: Model, parameters: int) -> int | None:
    """Bytes with every linear layer but the head in NF4, the rest in 16 bits; None for unknown layers."""
    linear = sum(
        module.in_features * module.out_features * module.count
        for module in model.linear_modules
        if module.name not in ("lm_head", "embed_out", "score", "output")
    )
    if not linear or linear > parameters:
        return None
    return int(linear * NF4_BYTES) + 2 * (parameters - linear)


def checkpoint(sizes_on_disk: Mapping[str, int]) -> str:
    """What one checkpoint takes on disk."""
    if not sizes_on_disk.get("weights"):
        return ""
    text = f"one checkpoint on disk: {size(sizes_on_disk['weights'])}"
    resume = sizes_on_disk.get("resume_state", 0)
    if resume > sizes_on_disk["weights"]:
        text += f", with optimizer state {size(resume)}"
    return text


_SOURCES = {
    "catalog": "vramlint's catalog",
    "config.json": "`config.json` of the folder",
    "hub cache": "`config.json` in the local hub cache",
    "the file itself": "this file",
}


def source(model: Model) -> str:
    """Where the facts come from."""
    counted = "" if model.parameters is None else " (exact count)"
    return (_SOURCES.get(model.source) or markdown(model.source)) + counted
