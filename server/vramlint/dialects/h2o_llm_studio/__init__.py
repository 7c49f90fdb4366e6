"""H2O LLM Studio: the YAML that it writes for an experiment."""
