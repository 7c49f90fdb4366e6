"""Python scripts and notebooks: the runs that their calls of Hugging Face's libraries describe."""
