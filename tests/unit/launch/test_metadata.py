"""What describes an experiment in SageMaker: everything that the spec says, within what SageMaker takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.launch.metadata import MAX_TEXT, component_name, components_of, metadata_of
from tests.unit.functions.world import World, example
from tests.unit.launch.service_model import faults
from tests.unit.spec.specs import blobs

NAME = "gridwatch-blobs"


def record(**changes: Any) -> ExperimentRecord:
    """As launch_grid keeps it, with changes to the normalized spec."""
    world = World()
    world.submit(example())
    kept = world.store.experiments["blobs"]
    return replace(kept, document={**kept.document, **changes})


def described(kept: ExperimentRecord) -> dict[str, Any]:
    found = metadata_of(kept, experiments_bucket="specs", artifacts_bucket="artifacts")
    assert faults("CreateTrialComponent", {"TrialComponentName": component_name(NAME, found), **found}) == []
    return found


def test_it_says_what_the_spec_says() -> None:
    kept = record(preprocessing={"script": "s3://code/prepare.py", "jobs": ["Prepare-1"]})
    found = described(kept)
    assert found["Parameters"] == {
        "gridwatch.hypothesis": {"StringValue": blobs()["hypothesis"]},
        "gridwatch.objective": {"StringValue": "minimize validation-error"},
        "gridwatch.search_space": {
            "StringValue": '{"grid":{"max_depth":[2,8],"eta":[0.2],"gamma":[3,4],"min_child_weight":[6],'
            '"subsample":[0.4],"num_round":[10,20]}}'
        },
        "gridwatch.spec_version": {"StringValue": kept.spec_version},
        "objective": {"StringValue": "binary:logistic"},
        "eval_metric": {"StringValue": "error,logloss"},
    }
    assert found["InputArtifacts"] == {
        "train": {"Value": "s3://experiments-bucket/data/blobs/train.csv", "MediaType": "text/csv"},
        "validation": {"Value": "s3://experiments-bucket/data/blobs/validation.csv", "MediaType": "text/csv"},
        "gridwatch.preprocessing_script": {"Value": "s3://code/prepare.py"},
        "gridwatch.spec": {"Value": "s3://specs/experiments/blobs.yaml"},
    }
    assert found["OutputArtifacts"] == {"gridwatch.report": {"Value": "s3://artifacts/reports/experiments/blobs.html"}}
    assert components_of(kept, NAME, found) == (component_name(NAME, found), "prepare-1-aws-processing-job")


def test_numbers_are_numbers_and_truths_are_not() -> None:
    found = described(
        record(hyperparameters={"eta": 0.5, "num_round": 3, "silent": True, "constraints": [[0, 1], [2]]})
    )
    assert {name: found["Parameters"][name] for name in ("eta", "num_round", "silent", "constraints")} == {
        "eta": {"NumberValue": 0.5},
        "num_round": {"NumberValue": 3.0},
        "silent": {"StringValue": "true"},
        "constraints": {"StringValue": "[[0,1],[2]]"},
    }


def test_what_is_too_long_is_cut_and_says_where_the_whole_is() -> None:
    kept = record(
        hypothesis={"text": "first line\n\tand  second " + "x" * 4_000, "expression": None},
        hyperparameters={f"{'p' * 250}{number}": "v" * 2_500 for number in range(100)},
        grid={"max_depth": list(range(2_000))},
    )
    parameters = described(kept)["Parameters"]
    for name in ("gridwatch.hypothesis", "gridwatch.search_space"):
        text = parameters[name]["StringValue"]
        assert len(text) == MAX_TEXT
        assert text.endswith(f"(cut; the whole is in s3://specs/experiments/blobs.yaml version {kept.spec_version})")
    assert parameters["gridwatch.hypothesis"]["StringValue"].startswith("first line and second xxx")
    assert len(parameters) == 100 + 4


def test_channels_that_are_no_prefixes_and_media_types_that_sagemaker_does_not_take() -> None:
    kept = record()
    system = {"FileSystemId": "fs-1", "FileSystemType": "FSxLustre", "DirectoryPath": "/d" * 2_000}
    channels = [
        {"ChannelName": "a", "DataSource": {"FileSystemDataSource": system}, "ContentType": "text/csv; header=no"},
        {"ChannelName": "b", "DataSource": {"S3DataSource": {"S3Uri": "s3://b"}}, "ContentType": "application/x+y"},
    ]
    hook = {"S3DataSource": {"S3Uri": "s3://artifacts/hook/0.1.0-ab/"}}
    channels.append({"ChannelName": "gridwatch", "DataSource": hook})  # no data
    found = described(replace(kept, template={**kept.template, "InputDataConfig": channels}))["InputArtifacts"]
    assert "gridwatch" not in found
    assert found["a"]["Value"].startswith("fsxlustre://fs-1/d/d")
    assert "MediaType" not in found["a"]
    assert found["b"] == {"Value": "s3://b", "MediaType": "application/x+y"}


def test_its_name_is_by_what_it_says_and_not_by_which_upload_said_it() -> None:
    first = component_name(NAME, described(record()))
    assert first == component_name(NAME, described(replace(record(), spec_version="later")))
    assert first != component_name(NAME, described(record(hypothesis={"text": "another", "expression": None})))
    assert first.startswith(f"{NAME}-metadata-")


def test_a_spec_that_says_little_is_described_as_well() -> None:
    found = described(record(hypothesis=None, grid=None, hyperparameters={}))
    assert set(found["Parameters"]) == {"gridwatch.objective", "gridwatch.spec_version"}
    assert "gridwatch.preprocessing_script" not in found["InputArtifacts"]
