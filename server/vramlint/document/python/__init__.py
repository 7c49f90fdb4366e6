"""Python source as text: its cells with their places, and what its names stand for without running it."""
