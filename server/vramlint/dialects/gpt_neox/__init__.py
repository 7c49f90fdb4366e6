"""GPT-NeoX: YAML of Megatron and DeepSpeed options."""
