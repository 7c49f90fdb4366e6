"""`python -m vramlint`."""

import os
import sys


def leave_current_folder() -> None:
    """Import nothing from the folder that vramlint is run in, which `-m` puts first: a clone can hold a
    `yaml.py`. Processes started from here leave it out too (Python 3.11 and later).
    """
    safe = sys.flags.isolated or getattr(sys.flags, "safe_path", False)
    if not safe and sys.path and sys.path[0] in ("", os.getcwd()):  # noqa: PTH109 (pathlib is not yet needed)
        del sys.path[0]
    os.environ.setdefault("PYTHONSAFEPATH", "1")


if __name__ == "__main__":
    leave_current_folder()

    from vramlint.cli import process

    process()
