"""verl's Hydra configs."""
