"""Puts the functions' folder on the path when imported, as it is at the root of a function's asset."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "functions"))
