"""Who starts the processes of a script that makes its trainer itself: Ray, Accelerate's notebook launcher, or
nobody but Python.
"""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.dialects.kit.run import Given, Launch
from vramlint.dialects.scripting.given import argument_of
from vramlint.document.place import Place
from vramlint.document.python.values import Made


def launched(place: Place, made: Sequence[Made], *, alone: bool) -> Launch:
    """The launch of a trainer at `place`. `alone`: nothing in the script asks for more than one process."""
    for each in made:
        if each.name.startswith("ray.") and each.kind in ("TorchTrainer", "TransformersTrainer"):
            scaling = each.argument("scaling_config")
            workers = argument_of(scaling, "num_workers") if isinstance(scaling, Made) else None
            return Launch(place, ("ray",), processes=workers or _open(place))
        if each.name.endswith("notebook_launcher"):
            # one process without the argument, on a machine without TPUs (launchers.py of accelerate 1.15)
            count = argument_of(each, "num_processes", 2)
            return Launch(place, ("notebook_launcher",), processes=count or _open(place))
    return Launch(place, ("python",) if alone else ())


def _open(place: Place) -> Given:
    return Given(None, place, "literal", place, "the launcher is not told how many")
