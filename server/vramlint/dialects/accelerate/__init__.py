"""Accelerate's config files."""
