"""What an upload's jobs read must be there: the packed script, an archive, an earlier model."""

from __future__ import annotations

import pytest
import yaml

from gridwatch.launch.ports import StoredSpec
from gridwatch.spec.problems import SpecError
from gridwatch.state.memory import MemoryStore
from gridwatch_rules.clock import SystemClock
from launch_grid.inputs import find_inputs
from tests.fakes.experiment_bucket import FakeExperimentBucket
from tests.unit.launch.test_training_parts import script
from tests.unit.spec.specs import parsed

DIGEST = "ab" * 32
KEY = f"code/sources/{DIGEST}.tar.gz"


def bucket(*addresses: str) -> FakeExperimentBucket:
    made = FakeExperimentBucket()
    made.objects = dict.fromkeys(("s3://somewhere/train/a", *addresses), "etag")
    return made


def stored(source: str | None) -> StoredSpec:
    return StoredSpec(b"", SystemClock().now(), source)


def told(document: dict[str, object], source: str | None, *addresses: str) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as caught:
        find_inputs(parsed(yaml.safe_dump(document)), stored(source), bucket(*addresses), MemoryStore())
    return [(problem.field, problem.message) for problem in caught.value.problems]


def test_the_script_that_was_submitted_with_the_spec_is_found_by_its_digest() -> None:
    inputs = find_inputs(parsed(script()), stored(KEY), bucket(f"s3://experiments-bucket/{KEY}"), MemoryStore())
    assert (inputs.source_uri, inputs.source_digest) == (f"s3://experiments-bucket/{KEY}", DIGEST)


@pytest.mark.parametrize("source", [None, "code/rules/x.tar.gz", "code/sources/../x.tar.gz"])
def test_a_spec_without_its_script_is_refused(source: str | None) -> None:
    assert told(script(), source) == [("algorithm.source", "the script was not uploaded with the spec")]


def test_an_archive_that_is_gone_is_told() -> None:
    assert told(script(), KEY) == [("algorithm.source", "there is no object at this address")]


def test_an_earlier_experiment_without_a_model_is_told() -> None:
    document = script(start_from={"experiment": "earlier"})
    expected = [("start_from.experiment", "has no completed trial with a model")]
    assert told(document, KEY, f"s3://experiments-bucket/{KEY}") == expected
