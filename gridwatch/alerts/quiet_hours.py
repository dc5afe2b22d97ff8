"""The hours in which nobody wants to be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from dateutil import tz


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The hours from `begin` to `end` by the clocks of `zone`; they span midnight when `begin` is the later."""

    begin: time
    end: time
    zone: tzinfo

    def until(self, now: datetime) -> datetime | None:
        """When the quiet hours that contain `now` end; None outside of them."""
        here = now.astimezone(self.zone)
        # The quiet that began today, and that of yesterday, which may last over midnight.
        for days in (0, -1):
            day = here.date() + timedelta(days=days)
            last = day + timedelta(days=1) if self.end <= self.begin else day
            begins = datetime.combine(day, self.begin, self.zone).astimezone(UTC)
            ends = datetime.combine(last, self.end, self.zone).astimezone(UTC)
            if begins <= now < ends:
                return ends
        return None


def quiet_hours(begin: str, end: str, zone: str) -> QuietHours:
    """The quiet hours from settings: two times HH:MM and the zone's IANA name. Raises ValueError saying what is
    wrong.
    """
    # dateutil, which botocore loads anyway, brings the zones along; zoneinfo relies on the system's, which may be bare.
    found = tz.gettz(zone)
    if found is None or not zone:
        raise ValueError(f"{zone!r} is not a time zone, such as Europe/Berlin")
    return QuietHours(time.fromisoformat(begin), time.fromisoformat(end), found)
