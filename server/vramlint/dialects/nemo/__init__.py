"""NeMo RL and NeMo Automodel."""
