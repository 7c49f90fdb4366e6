"""Which layers have experts, and what these are, from config.json's keys alone, whatever the family."""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.catalog.expert_counts import EXPERTS
from vramlint.memory.architectures.experts import Mixture
from vramlint.memory.architectures.families.common import Config, size
from vramlint.memory.estimate import CannotEstimate

TOP = (
    *("num_experts_per_tok", "num_experts_per_token", "moe_top_k", "moe_k", "moe_topk", "top_k_experts"),
    *("num_selected_experts", "moe_router_topk", "experts_per_token"),
)
OWN_WIDTH = (
    *("moe_intermediate_size", "expert_ffn_hidden_size", "moe_ffn_hidden_size", "expert_intermediate_size"),
    "ffn_hidden_size",
)
EXPERT_WIDTH = (*OWN_WIDTH, "intermediate_size")
"""Keys that say how wide an expert is; the last one where nothing else has that width (Mixtral)."""
SHARED = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert")
"""How many experts of that width every token takes."""
SHARED_WIDTH = (
    *("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "shared_intermediate_size"),
    "share_expert_dim",
)
FIRST_DENSE = ("first_k_dense_replace", "num_dense_layers", "n_dense_layers", "moe_layer_start_index")
"""How many layers at the beginning have no experts."""
EVERY = ("decoder_sparse_step", "moe_layer_interval", "interleave_moe_layer_step", "moe_every_n_layers")
"""Keys that put experts on every n-th layer, on the last of each n."""
SWITCHES = ("enable_moe_block", "is_moe")
"""Keys that turn experts off, whatever others say about them."""
SPARSE = frozenset({"sparse", "moe"})
"""How lists of layers name those with experts."""


def whole(config: Config, keys: Sequence[str], least: int = 1) -> int:
    """The first of the keys that holds an integer of at least `least`; 0 where none does."""
    values = (config.get(key) for key in keys)
    return next(
        (value for value in values if isinstance(value, int) and value is not True and value >= least), 0
    )


def sparse_layers(config: Config, count: int, first: int = 0) -> list[bool]:
    """Which of `count` layers have experts. `first`: how many at the beginning have none where no key says.

    A list with an entry for each layer comes first (`mlp_layer_types` of transformers 5; `moe_layer_freq` of
    MiMo V2; `moe_layers_enum` of Step 3).
    """
    for key in ("mlp_layer_types", "moe_layer_freq"):
        types = config.get(key)
        if isinstance(types, (list, tuple)) and len(types) >= count:
            return [kind in SPARSE or kind is True or kind == 1 for kind in types[:count]]
    listed = config.get("moe_layers_enum")
    if isinstance(listed, str):
        chosen = {int(index) for index in listed.split(",") if index.strip().isdigit()}
        return [index in chosen for index in range(count)]
    dense = config.get("mlp_only_layers") or ()
    stated = next((config[key] for key in FIRST_DENSE if isinstance(config.get(key), int)), first)
    every = whole(config, EVERY) or 1
    period, offset = config.get("expert_layer_period"), config.get("expert_layer_offset")
    if isinstance(period, int) and period > 0:
        return [index % period == (offset or 0) for index in range(count)]
    return [index >= stated and index not in dense and (index + 1) % every == 0 for index in range(count)]


def stated_mixture(config: Config) -> Mixture | None:
    """The experts that the keys describe; None where they describe none. Raises CannotEstimate where they do
    not say how wide one is.
    """
    count = whole(config, EXPERTS, 2)
    if not count or any(config.get(key) is False for key in SWITCHES):
        return None
    dense_too = whole(config, (*SHARED, *FIRST_DENSE))
    width = whole(config, OWN_WIDTH if dense_too else EXPERT_WIDTH)
    if not width:
        message = f"the model's config has {count} experts and does not say how wide one is"
        raise CannotEstimate("incomplete-config", f"{message} (moe_intermediate_size)")
    shared = whole(config, SHARED_WIDTH) or width * whole(config, SHARED)
    top = size(config, *TOP, default=1)
    return Mixture(count, top, width, "softmax-cast", shared=shared, modules=())
