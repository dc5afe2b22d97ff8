"""What a spec asks for in vain is told; the examples ask for nothing in vain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gridwatch.domain.notices import CHECKS, Level, Notice
from gridwatch.preflight.sizes import check_sizes, instance_memory
from gridwatch.preflight.spec_checks import Trials, check_spec
from gridwatch.savings.prices import PriceTable
from gridwatch.spec.instance_types import INSTANCE_TYPES
from gridwatch.spec.search_space import factors_of
from tests.unit.spec.specs import EXAMPLES, blobs, only_problem, parsed

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def told(document: dict[str, Any]) -> list[Notice]:
    """What is more than a note."""
    spec = parsed(document).spec
    points = [{**spec.hyperparameters, "num_round": number} for number in factors_of(spec).get("num_round", [None])]
    points = points if "num_round" in factors_of(spec) else [dict(spec.hyperparameters)]
    found = check_spec(spec, Trials(points, (spec.resources.instance_type,)), PriceTable.built_in(), NOW)
    return [notice for notice in found if notice.level is not Level.NOTE]


def test_money_and_time() -> None:
    document = blobs()
    document["limits"] = {"budget": 0.01, "parallel_jobs": 4, "deadline": "2026-11-20T00:00:00+00:00"}
    found = {notice.check: notice.level for notice in told(document)}
    assert found == {"price": None, "duration": Level.REFUSE}


def test_groups_of_instances_cost_what_all_of_them_cost() -> None:
    document = blobs()
    groups = {"a": {"instance_type": "ml.c5.xlarge", "instance_count": 2}, "b": {"instance_type": "ml.g5.xlarge"}}
    document |= {
        "algorithm": {
            "framework": "pytorch",
            "version": "2.10",
            "entry_point": "a.py",
            "metrics": {"validation-error": "(.)"},
        },
        "resources": {"groups": groups, "max_runtime": "1h"},
        "limits": {"budget": 1},
    }  # fmt: skip
    hourly = PriceTable.built_in().per_hour
    (notice,) = (each for each in told(document) if each.check == "price")
    assert f"{2 * hourly['ml.c5.xlarge'] + hourly['ml.g5.xlarge']:.2f} USD" in notice.message


def test_memory_is_known_for_most_types_and_right_for_some() -> None:
    assert [instance_memory(f"ml.{name}") for name in ("m5.large", "c5.9xlarge", "r5.24xlarge")] == [8, 72, 768]
    unknown = [name for name in INSTANCE_TYPES if instance_memory(name) is None]
    assert len(unknown) < 45  # accelerators of the newest kinds
    assert not [name for name in unknown if name.split(".")[1][:2] in ("m5", "c5", "r5", "g5")]


def test_data_too_large_for_memory_is_told_for_each_machine() -> None:
    found = list(check_sizes({"train": 8 << 30}, ("ml.m5.large", "ml.m5.4xlarge"), 100))
    assert [(notice.check, "ml.m5.large" in notice.message) for notice in found] == [("memory", True)]


def test_how_checks_weigh_is_the_specs_word() -> None:
    document = blobs()
    document["preflight"] = {"refuse": ["overlap"], "warn": ["label"], "skip": ["price"]}
    weights = parsed(document).spec.preflight.weights
    notices = [Notice(check=check, message="") for check in ("price", "label", "overlap", "constant")]
    report = weights.report([*notices, Notice(check="overlap", message="", level=Level.NOTE)])
    assert [(notice.check, notice.level) for notice in report.notices] == [
        ("overlap", Level.REFUSE), ("label", Level.WARN), ("constant", Level.WARN), ("overlap", Level.NOTE),
    ]  # fmt: skip


def test_an_unknown_check_is_told_with_the_known_ones() -> None:
    document = blobs()
    document["preflight"] = {"skip": ["labels"]}
    problem = only_problem(document)
    assert problem.field == "preflight.skip[0]"
    assert "did you mean label?" in problem.as_text("spec")


def test_every_check_is_documented() -> None:
    page = (EXAMPLES.parent / "docs" / "preflight.md").read_text()
    assert [check for check in CHECKS if f"| `{check}` | {CHECKS[check]} |" not in page] == []
