"""Reads the curve that led to a finding, the last values of its tensor, so that people see what the rule saw."""

from __future__ import annotations

from gridwatch_rules.rules.finding import Curve, Finding
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import ByteRange

POINTS = 32
# The numbers of steps before the finding that are searched in turn: more when the tensor is saved more rarely.
_WINDOWS = (128, 2_048, 32_768)


def curve_to(finding: Finding, reader: TensorReader) -> Curve | None:
    """Return the last 32 scalars, at most, of the finding's tensor and mode up to the finding's step.

    Returns None when there are none or the stored data is damaged, because a finding can be reported without its curve.
    Raises GridwatchError when the tensors cannot be reached.
    """
    if finding.tensor is None:
        return None
    try:
        places = _places(finding, finding.tensor, reader)
        reader.prefetch(place for _, place in places)
        scalars = [(step, reader.value_at(place, finding.tensor)) for step, place in places]
    except CorruptTensorError:
        return None
    points = [(step, float(value.item())) for step, value in scalars if value.size == 1 and value.dtype.kind in "biuf"]
    if not points:
        return None
    return Curve(tuple(step for step, _ in points), tuple(value for _, value in points))


def _places(finding: Finding, tensor: str, reader: TensorReader) -> list[tuple[int, ByteRange]]:
    places: list[tuple[int, ByteRange]] = []
    for window in _WINDOWS:
        start = max(-1, finding.step - window)
        places = [
            (saved.step, place)
            for saved in reader.new_steps(Cursor(start), ended=True)
            if saved.step <= finding.step and saved.mode is finding.mode
            if (place := saved.place(tensor)) is not None
        ]
        if len(places) >= POINTS or start == -1:
            break
    return places[-POINTS:]
