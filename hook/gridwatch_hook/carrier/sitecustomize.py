"""Starts Gridwatch's watch in this interpreter, then loads the next sitecustomize on the path.

Every interpreter of the container runs this file, whatever its version: Python 2.7 must be able to read it.
"""

import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))


def _start():
    # type: () -> None
    if sys.version_info < (3, 10) or os.environ.get("GRIDWATCH_DISABLE") == "1":
        return
    try:
        from gridwatch_hook.watch.start import start

        start(_FOLDER)
    except Exception:
        # A training must never suffer from being watched, and nobody reads a traceback of each helper process.
        sys.stderr.write("gridwatch_hook: this process is not watched: %s\n" % (sys.exc_info()[1],))


def _chain():
    # type: () -> None
    """Load the sitecustomize that this one hides, as Python itself would have done."""
    places = [place for place in sys.path if os.path.abspath(place) == _FOLDER]
    at = sys.path.index(places[0]) if places else 0
    for place in places:
        sys.path.remove(place)
    mine = sys.modules.pop("sitecustomize", None)
    try:
        __import__("sitecustomize")
    except ImportError:
        if not str(sys.exc_info()[1]).replace("'", "").endswith("named sitecustomize"):
            raise
    finally:
        for place in places:
            sys.path.insert(min(at, len(sys.path)), place)
        if mine is not None:
            sys.modules.setdefault("sitecustomize", mine)


_start()
_chain()
