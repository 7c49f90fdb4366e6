"""LLM Foundry: YAML for its training script over Composer."""
