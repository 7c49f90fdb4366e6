"""Layouts for many GPUs: which degrees fit, in the order of the step time that a roofline predicts."""
