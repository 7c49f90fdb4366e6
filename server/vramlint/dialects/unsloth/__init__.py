"""Unsloth's command line as YAML, which scripts that load a model with Unsloth are read as."""
