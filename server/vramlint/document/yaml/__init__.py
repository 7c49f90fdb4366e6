"""YAML with positions, that goes on after an error."""
