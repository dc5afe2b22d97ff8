"""What a spec says of its preprocessing: an address and names that SageMaker may have."""

from __future__ import annotations

from typing import Any

import pytest

from gridwatch.spec.parse import normalized
from tests.unit.launch.test_requests import planned
from tests.unit.spec.specs import blobs, only_problem, parsed


def said(**preprocessing: Any) -> dict[str, Any]:
    return {**blobs(), "preprocessing": preprocessing}


def test_either_is_enough() -> None:
    for given in ({"script": "s3://code/prepare.py"}, {"jobs": ["prepare-1", "Prepare-2"]}):
        document = normalized(parsed(said(**given)).spec)["preprocessing"]
        assert {name: document[name] for name in given} == given


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({}, "preprocessing", "says nothing"),
        ({"jobs": []}, "preprocessing", "script, jobs or both"),
        ({"script": "prepare.py"}, "preprocessing.script", "s3://bucket/path/file.py"),
        ({"script": "s3://code"}, "preprocessing.script", "is no address of a script"),
        ({"jobs": ["a", "b", "A"]}, "preprocessing.jobs[2]", "is named twice"),
        ({"jobs": ["under_score"]}, "preprocessing.jobs[0]", "under_score"),
        ({"jobs": ["x" * 64]}, "preprocessing.jobs[0]", "63"),
        ({"jobs": [f"job-{number}" for number in range(41)]}, "preprocessing.jobs", "40"),
        ({"scripts": "s3://code/prepare.py"}, "preprocessing.scripts", "script"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(given: dict[str, Any], place: str, words: str) -> None:
    problem = only_problem(said(**given))
    text = problem.as_text("spec.yaml")
    assert place in text
    assert words in text


def test_it_makes_no_other_trials() -> None:
    names = [trial.name for trial in planned(blobs()).trials]
    assert [trial.name for trial in planned(said(script="s3://code/prepare.py")).trials] == names
