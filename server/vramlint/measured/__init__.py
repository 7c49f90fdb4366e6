"""What somebody measured: a size, a trainer's log, or a snapshot of PyTorch's allocator."""

from vramlint.measured.figures import Measured, NotAMeasurement, Total
from vramlint.measured.read import read_measured

__all__ = ["Measured", "NotAMeasurement", "Total", "read_measured"]
