"""Sliding windows: a channel whose address contains a day, read for the last days."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

from gridwatch.spec.channels import channel_uri
from gridwatch.spec.parts.data import Channel, Window

_PLACE = re.compile(r"\{date(?::([^{}]*))?\}")
# strftime's directives that say a day, and what stands between them in a key.
_FORM = re.compile(r"(%[YmdjGV]|[A-Za-z0-9._/=-])+")
_USUAL = "%Y-%m-%d"


def window_problem(uri: str, window: Window | None) -> str | None:
    """The problem between the address and the window; None when there is none."""
    forms = _PLACE.findall(uri)
    if window is None:
        return "names a day, but there is no window" if forms else None
    if not forms:
        return "has no {date}, so every day of the window would be the same"
    if re.search(r"[{}]", _PLACE.sub("", uri)):
        return "has braces around something else than a date"
    wrong = next((form for form in forms if form and not _FORM.fullmatch(form)), None)
    if wrong is not None:
        return f"writes the day as {wrong}, of which only %Y, %m, %d, %j, %G and %V are known"
    if len({_of_day(uri, day) for day in (date(2026, 1, 1), date(2026, 1, 2), date(2027, 2, 1))}) < 3:
        return "is the same for several days"
    return None


def last_day(window: Window, uploaded: date) -> date:
    """The last day of a window. Raises ValueError for a day that no calendar has."""
    return date.fromisoformat(window.until) if window.until is not None else uploaded - timedelta(days=1)


def channel_uris(channel: Channel, experiments_bucket: str, uploaded: date) -> Sequence[str]:
    """Every address in S3 that the channel reads: for a window one for each day, the oldest first; none for a file
    system. `uploaded`: the day in UTC on which the spec was uploaded.
    """
    if channel.uri is None:
        return ()
    uri = channel_uri(channel.uri, experiments_bucket)
    if channel.window is None:
        return (uri,)
    last = last_day(channel.window, uploaded)
    return [_of_day(uri, last - timedelta(days=ago)) for ago in reversed(range(channel.window.days))]


def _of_day(uri: str, day: date) -> str:
    return _PLACE.sub(lambda found: day.strftime(found[1] or _USUAL), uri)
