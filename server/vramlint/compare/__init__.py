"""Two versions of a run side by side: what changed, where the memory went; and an older revision's files."""
