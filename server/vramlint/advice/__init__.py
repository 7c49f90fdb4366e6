"""Changes of a job that make it fit, the smallest first; and what one step of a field costs. Pure."""
