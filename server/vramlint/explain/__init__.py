"""What an analysis says, in words: hovers, one-line summaries, the breakdown. Pure; knows no editor."""
