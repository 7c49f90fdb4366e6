"""ms-swift: the arguments of `swift sft`, `pt` and `rlhf`, and of `megatron sft`, as YAML or JSON."""
