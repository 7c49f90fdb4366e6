"""Launch lines: the launchers peeled off, and what is left as a run."""
