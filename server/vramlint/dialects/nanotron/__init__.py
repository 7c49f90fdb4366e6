"""nanotron: YAML of its pretraining."""
