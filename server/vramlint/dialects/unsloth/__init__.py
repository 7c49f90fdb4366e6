"""Unsloth's command line as YAML, and what scripts that load a model with Unsloth share with it."""

OPTIMIZER_OF_SCRIPT = "script.optim"
"""Where the reader of scripts puts the Trainer's `optim`; the command line's config has no such section."""
