"""torchtitan's TOML."""
