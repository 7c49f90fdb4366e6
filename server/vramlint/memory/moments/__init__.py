"""The moments of a run beside the training step: loading, generation, evaluation, saving."""
