"""People's own configs, whose keys are read by name as Hugging Face arguments."""
