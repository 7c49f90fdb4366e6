"""prime-rl: TOML for its trainers."""
