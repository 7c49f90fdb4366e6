"""Changes of a job that make it fit, the smallest first; and what one step of a field costs. Pure."""

from vramlint.advice.advise import Advice, savings, suggest
from vramlint.advice.changes import apply
from vramlint.advice.hardware import Hardware, smallest_hardware
from vramlint.advice.limits import largest_micro_batch, largest_sequence, marginal

__all__ = [
    "Advice",
    "Hardware",
    "apply",
    "largest_micro_batch",
    "largest_sequence",
    "marginal",
    "savings",
    "smallest_hardware",
    "suggest",
]
