"""CheckInputImages: input images are not centred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import numbers_of
from gridwatch_rules.rules.parameters import integer, number, patterns
from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class CheckInputImagesParameters:
    threshold_mean: float = number(0.2, "the largest absolute mean of a channel that is no issue", minimum=0)
    threshold_samples: int = integer(500, "images to be seen before anything is judged", minimum=1)
    regex: tuple[str, ...] = patterns((".*hybridsequential0_input_0",), "patterns of the input's name")
    channel: int = integer(1, "the axis of the colour channels", minimum=1)


class CheckInputImages(Rule):
    """Fires, once `threshold_samples` images were seen, when |mean| of a colour channel exceeds `threshold_mean`.

    The mean is over all images seen so far; the first axis counts images. AWS wishes for unit variance as well but
    tests the mean alone. Source: SageMaker Developer Guide, "List of Debugger built-in rules", CheckInputImages.
    """

    name = "CheckInputImages"
    summary = "input images are not centred around zero"
    collect = (Collect("input_image", {"include_regex": ".*hybridsequential0_input_0", "save_interval": "500"}),)
    Parameters = CheckInputImagesParameters
    parameters: CheckInputImagesParameters
    judged = 0

    def __init__(self, parameters: CheckInputImagesParameters) -> None:
        super().__init__(parameters)
        self._seen: dict[str, dict[str, Any]] = {}  # tensor -> images, values per channel, and sum of each channel

    def requirement(self) -> Requirement:
        return Requirement(patterns=self.parameters.regex)

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            values = numbers_of(view, name)
            if values is None or values.ndim <= self.parameters.channel:
                continue
            axes = tuple(axis for axis in range(values.ndim) if axis != self.parameters.channel)
            sums = values.sum(axis=axes)
            seen = self._seen.setdefault(name, {"images": 0, "values": 0, "sums": [0.0] * sums.size})
            if len(seen["sums"]) != sums.size:
                continue
            seen["images"] += int(values.shape[0])
            seen["values"] += values.size // sums.size
            seen["sums"] = [former + float(new) for former, new in zip(seen["sums"], sums, strict=True)]
            if seen["images"] >= self.parameters.threshold_samples:
                finding = self._judge(view, name, seen)
                if finding is not None:
                    return finding
        return None

    def looks_for(self) -> str:
        least = self.parameters.threshold_samples
        return f"{least:,} images with an axis {self.parameters.channel} of channels in {self.required.in_words}"

    def _judge(self, view: StepView, name: str, seen: Mapping[str, Any]) -> Finding | None:
        self.judged += 1
        means = [total / seen["values"] for total in seen["sums"]]
        limit = self.parameters.threshold_mean
        for channel, mean in enumerate(means):
            if abs(mean) > limit:
                over = f"over {seen['images']} images (limit {limit:g})"
                sentence = f"channel {channel} of {name} has the mean {mean:.3g} {over}"
                return self.finding(view, name, mean, limit, sentence)
        return None

    def save(self) -> dict[str, Any]:
        return {"seen": self._seen}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._seen = {name: dict(seen) for name, seen in saved["seen"].items()}
