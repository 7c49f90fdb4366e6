"""What an analysis says, in words: hovers, one-line summaries, the breakdown. Pure; knows no editor."""

from vramlint.explain.breakdown import breakdown
from vramlint.explain.gpu import explain_gpu
from vramlint.explain.key import explain_key, explain_other_key, row_of
from vramlint.explain.lines import fit_line, key_shares
from vramlint.explain.model import explain_model
from vramlint.explain.summary import component_table
from vramlint.explain.verdict import verdict_line

__all__ = [
    "breakdown",
    "component_table",
    "explain_gpu",
    "explain_key",
    "explain_model",
    "explain_other_key",
    "fit_line",
    "key_shares",
    "row_of",
    "verdict_line",
]
