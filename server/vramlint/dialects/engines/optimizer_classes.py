"""Optimizers that configs name by their class, as torchtune's and LitGPT's do."""

from __future__ import annotations

from collections.abc import Mapping

OPTIMIZERS: Mapping[str, str] = {
    "AdamW": "adamw_torch",
    "Adam": "adamw_torch",
    "SGD": "sgd",
    "Adafactor": "adafactor",
    "PagedAdamW": "paged_adamw_32bit",
    "PagedAdamW8bit": "paged_adamw_8bit",
    "AdamW8bit": "adamw_8bit",
    "AdamW4bit": "adamw_torch_4bit",
    "AdamWFp8": "adamw_torch_8bit",
    "_AdamW": "adamw_torch",
    "PagedLion8bit": "paged_lion_8bit",
    "Lion8bit": "lion_8bit",
}
"""Classes of torch, bitsandbytes and torchao, and transformers' names of the same."""
COMPONENTS: Mapping[str, str] = {
    "adamw_torch": "torch.optim.AdamW",
    "adamw_torch_fused": "torch.optim.AdamW",
    "sgd": "torch.optim.SGD",
    "adamw_8bit": "bitsandbytes.optim.AdamW8bit",
    "adamw_bnb_8bit": "bitsandbytes.optim.AdamW8bit",
    "paged_adamw_8bit": "bitsandbytes.optim.PagedAdamW8bit",
    "paged_adamw_32bit": "bitsandbytes.optim.PagedAdamW",
    "adamw_torch_8bit": "torchao.optim.AdamW8bit",
    "adamw_torch_4bit": "torchao.optim.AdamW4bit",
}
