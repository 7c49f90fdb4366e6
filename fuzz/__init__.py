"""Fuzzing: inputs (`strategies`, `seeds`, `messages`), what must hold (`targets`), who drives it (`run`).

A short run of every harness is part of the tests.
"""
