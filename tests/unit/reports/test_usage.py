from __future__ import annotations

import json

from gridwatch.reports.experiment.usage import BINS, CELLS, read_usage, read_usages
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.tensors.source import TensorSource
from tests.tensor_folder import MemorySource


def profile(percents: list[float], every: float = 10.0) -> MemorySource:
    lines = [
        json.dumps(
            {
                "Type": "cpu", "Name": f"cpu{core}", "Dimension": "CPUUtilization", "Value": percent,
                "Timestamp": 1_700_000_000 + every * place, "NodeId": "algo-1",
            }
        )
        for place, percent in enumerate(percents)
        for core in (0, 1)
    ]  # fmt: skip
    return MemorySource({"system/incremental/2023111422/1700000000.algo-1.json": "\n".join([*lines, ""]).encode()})


def test_samples_become_a_histogram_and_a_timeline() -> None:
    usage = read_usage("t", profile([0, 0, 49, 100]), ended=True)
    assert usage is not None
    assert (usage.trial_id, usage.seconds, set(usage.uses)) == ("t", 30.0, {"CPU"})
    use = usage.uses["CPU"]
    assert (use.samples, use.histogram[0], use.histogram[9], use.histogram[BINS - 1]) == (4, 2, 1, 1)
    assert (use.timeline[0], use.timeline[CELLS - 1]) == (0.0, 100.0)
    assert use.timeline[1] is None, "no sample fell into it"


def test_a_job_without_a_profile_has_none() -> None:
    assert read_usage("t", MemorySource({}), ended=True) is None


def test_what_cannot_be_read_is_told_and_the_others_are_read() -> None:
    rows = [
        {"trial_id": name, "job_name": name, "status": status, "ended_at": 1}
        for name, status in (("fine", "Completed"), ("closed", "Completed"), ("damaged", "Failed"), ("waiting", None))
    ]

    def open_profile(job: str) -> TensorSource:
        if job == "closed":
            raise PermanentError("no way in", code="AccessDenied")
        return profile([50]) if job == "fine" else MemorySource({"system/x/1700000000.algo-1.json": b"no json\n"})

    found = read_usages(rows, open_profile)
    assert [each.trial_id for each in found.found] == ["fine"]
    assert found.looked_at == 3
    assert len(found.damaged) == 2
    assert found.damaged[0] == "closed: no way in"
