"""What stops saved, in words for people: never without its currency, and never without its "at most"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gridwatch.domain.savings import Certainty, SavingsRecord
from gridwatch.savings.money import between, money

_WIDE = 1.25  # a range is told where its ends are further apart than this
_CERTAIN = {
    Certainty.ESTIMATE: "estimate",
    Certainty.CORRECTED: "estimate, corrected when the job was over",
    Certainty.MEASURED: "estimate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What one stop or several saved together. `cost` covers those with a price; `unpriced` is how many have none."""

    count: int
    seconds: float
    seconds_low: float
    seconds_high: float
    costs: tuple[Amount, ...]
    unpriced: int
    at_most: bool

    @property
    def bound(self) -> str:
        return "at most" if self.at_most else "about"


@dataclass(frozen=True, slots=True)
class Amount:
    currency: str
    cost: float
    low: float
    high: float


def together(savings: Sequence[SavingsRecord]) -> Saved:
    """The sum; if one of them is an upper bound, so is the sum."""
    amounts: dict[str, Amount] = {}
    for each in savings:
        if each.cost is None or each.cost_range is None:
            continue
        former = amounts.get(each.currency, Amount(each.currency, 0.0, 0.0, 0.0))
        low, high = each.cost_range
        amounts[each.currency] = Amount(each.currency, former.cost + each.cost, former.low + low, former.high + high)
    ranges = [each.seconds_range for each in savings]
    return Saved(
        count=len(savings),
        seconds=sum(each.seconds for each in savings),
        seconds_low=sum(low for low, _ in ranges),
        seconds_high=sum(high for _, high in ranges),
        costs=tuple(amounts.values()),
        unpriced=sum(each.cost is None for each in savings),
        at_most=any(each.at_most for each in savings),
    )


def in_words(savings: SavingsRecord) -> str:
    """One stop's saving with how it is known, and what the rest really took where the job was let run on."""
    text = f"{amount(together([savings]))} ({_CERTAIN[savings.certainty]}; {savings.method})"
    if savings.certainty is Certainty.CORRECTED and savings.decided_seconds is not None:
        text = f"{text[:-1]}; when it was decided: {span(savings.decided_seconds)})"
    if savings.measured_seconds is None:
        return text
    cost = "" if savings.measured_cost is None else f" and {money(savings.measured_cost, savings.currency)}"
    return f"{text}; measured: {span(savings.measured_seconds)}{cost}"


def amount(saved: Saved) -> str:
    """Time and money as a bound or, where they are uncertain, as a range."""
    if not saved.costs:
        return f"{time_of(saved)}, price unknown"
    without = f" ({saved.unpriced} without a known price)" if saved.unpriced else ""
    return f"{time_of(saved)} and {amounts(saved, bound=False)}{without}"


def time_of(saved: Saved) -> str:
    """The time alone, in words."""
    wide = _is_wide(saved.seconds_low, saved.seconds_high) and not saved.at_most
    given = f" ({span(saved.seconds_low)} to {span(saved.seconds_high)})" if wide else ""
    return f"{saved.bound} {span(saved.seconds)}{given}"


def amounts(saved: Saved, *, bound: bool = True) -> str:
    """The money alone, each currency by itself; empty without a price."""
    told = " and ".join(f"{money(each.cost, each.currency)}{_range(saved, each)}" for each in saved.costs)
    return f"{saved.bound} {told}" if bound and told else told


def _range(saved: Saved, each: Amount) -> str:
    if not _is_wide(each.low, each.high) or saved.at_most:
        return ""
    return f" ({between(each.low, each.high, each.currency)})"


def _is_wide(low: float, high: float) -> bool:
    return high > _WIDE * low and high - low > 0


def span(seconds: float) -> str:
    """A time in words; below ten seconds with two digits, so that a little is not shown as nothing."""
    if 0 < seconds < 9.95:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def lasting(savings: Iterable[SavingsRecord | None]) -> list[SavingsRecord]:
    """The savings that exist."""
    return [each for each in savings if each is not None]


def saved_fields(savings: SavingsRecord | None) -> dict[str, object]:
    """The figures by name for machines, all None without a saving; `saved` is the same in words."""
    low, high = savings.seconds_range if savings else (None, None)
    cost_low, cost_high = (savings.cost_range if savings else None) or (None, None)
    return {
        "saved": in_words(savings) if savings else None,
        "saved_seconds": savings.seconds if savings else None,
        "saved_seconds_low": low,
        "saved_seconds_high": high,
        "saved_cost": savings.cost if savings else None,
        "saved_cost_low": cost_low,
        "saved_cost_high": cost_high,
        "saved_currency": savings.currency if savings else None,
        "saved_bound": ("at most" if savings.at_most else "about") if savings else None,
        "saved_certainty": savings.certainty.value if savings else None,
    }
