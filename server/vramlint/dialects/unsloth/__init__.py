"""Unsloth's command line as YAML."""
