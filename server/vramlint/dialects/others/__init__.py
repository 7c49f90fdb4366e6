"""Formats that are recognised; what of them is estimated, each module says."""
