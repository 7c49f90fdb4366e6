"""The arguments of TRL and of the Hugging Face Trainer, as YAML or JSON."""
