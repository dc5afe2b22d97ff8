"""The JSON that SageMaker hands to Debugger's hook: what it means, and what is said when it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gridwatch_hook.collection import KERAS, PYTORCH, XGBOOST, Collection
from gridwatch_hook.config import ConfigError, HookConfig
from gridwatch_hook.modes import Mode
from gridwatch_hook.settings import Environment


def parse(hook: dict[str, Any] | None = None, **collections: dict[str, Any]) -> dict[str, Collection]:
    listed = [{"CollectionName": name, "CollectionParameters": given} for name, given in collections.items()]
    config = HookConfig.parse({"HookParameters": hook, "CollectionConfigurations": listed}, XGBOOST)
    return {item.name: item for item in config.collections}


def saved_steps(item: Collection, until: int = 12, mode: Mode = Mode.GLOBAL) -> list[int]:
    return [step for step in range(until) if item.saves(mode, step)]


def test_metrics_are_saved_every_ten_rounds_without_being_asked_for() -> None:
    collections = parse()
    assert list(collections) == ["metrics"]
    assert saved_steps(collections["metrics"], 31) == [0, 10, 20, 30]


def test_a_collection_overrides_the_hook_and_a_mode_overrides_both() -> None:
    hook = {"save_interval": "5", "train.save_interval": "3"}
    collections = parse(hook, losses={"eval.save_interval": "2"}, labels={"save_interval": "4"})
    assert saved_steps(collections["losses"]) == [0, 5, 10]
    assert saved_steps(collections["losses"], mode=Mode.EVAL) == [0, 2, 4, 6, 8, 10]
    assert saved_steps(collections["losses"], mode=Mode.TRAIN) == [0, 3, 6, 9]
    # What a collection says of every mode is nearer than what the hook says of one.
    assert saved_steps(collections["labels"], mode=Mode.TRAIN) == [0, 4, 8]


def test_start_is_included_and_end_is_not() -> None:
    item = parse(metrics={"save_interval": "2", "start_step": "4", "end_step": "8"})["metrics"]
    assert saved_steps(item) == [4, 6]


def test_save_steps_alone_replace_the_interval_and_join_one_that_is_asked_for() -> None:
    assert saved_steps(parse(hyperparameters={"save_steps": "0"})["hyperparameters"], 30) == [0]
    assert saved_steps(parse(metrics={"save_steps": "1,7", "save_interval": 5})["metrics"]) == [0, 1, 5, 7, 10]


@pytest.mark.parametrize(
    ("given", "raw", "spelled"),
    [
        ({}, True, ""),
        ({"reductions": "mean,abs_max,l2,abs_l1_norm"}, False, "mean,abs_max,l2_norm,abs_l1_norm"),
        ({"reductions": "mean", "save_raw_tensor": "True"}, True, "mean"),
    ],
)
def test_reductions_replace_the_tensor_unless_it_is_asked_for(given: dict[str, str], raw: bool, spelled: str) -> None:
    item = parse(labels=given)["labels"]
    assert item.save_raw_tensor is raw
    assert item.to_json(set())["reduction_config"]["reductions"] == spelled


def test_single_numbers_are_never_reduced() -> None:
    item = parse({"reductions": "mean"})["metrics"]
    assert item.save_raw_tensor
    assert item.reductions == ()


@pytest.mark.parametrize(
    ("tensor", "is_loss"),
    [
        ("validation-logloss", True), ("validation_0-error@0.7", True), ("train-aft-nloglik", True),
        ("my-set-rmse", True),
        ("train-auc", False), ("train-aucpr", False), ("validation-ndcg@10", False), ("validation-ndcg@10-", False),
        ("my-set-map@3", False), ("train-accuracy", False), ("train-f1", False), ("train-r2", False),
        ("train-pre@2", False),
        ("feature_importance/gain/loss-1", False), ("predictions", False),
    ],
)  # fmt: skip
def test_what_rises_when_things_get_better_is_no_loss(tensor: str, is_loss: bool) -> None:
    collections = parse(losses={})
    assert collections["losses"].holds(tensor) is is_loss
    assert collections["metrics"].holds(tensor) is ("-" in tensor and "/" not in tensor)


def test_collections_of_ones_own_hold_what_matches() -> None:
    item = parse(mine={"include_regex": "tree{1,2}s/G, ^labels$", "tensor_names": "train-error"})["mine"]
    assert [name for name in ("trees/Gain", "labels", "train-error", "x-labels") if item.holds(name)] == [
        "trees/Gain", "labels", "train-error",
    ]  # fmt: skip


def test_save_all_saves_every_collection() -> None:
    assert {"trees", "predictions", "all"} <= parse({"save_all": "True"}).keys()
    assert parse({"save_all": True})["all"].holds("anything")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"CollectionConfiguration": []}, "'CollectionConfiguration' is unknown; allowed are LocalPath"),
        ({"CollectionConfigurations": {}}, "must be a list, not dict"),
        ({"CollectionConfigurations": [{}]}, "no CollectionName"),
        ({"CollectionConfigurations": [{"CollectionName": "mine"}]}, "'mine' is none of all, average_shap"),
        (
            {"CollectionConfigurations": [{"CollectionName": "labels"}, {"CollectionName": "labels"}]},
            "configured twice",
        ),
        ({"HookParameters": {"save_interval": "often"}}, "HookParameters: save_interval is 'often'.*whole number"),
        ({"HookParameters": {"save_interval": "0"}}, "at least 1"),
        ({"HookParameters": {"include_workers": "some"}}, "must be one or all"),
        ({"HookParameters": {"save_all": "yes"}}, "must be True or False"),
        ({"HookParameters": {"flushes_per_second": 0}}, "above 0"),
        ([], "must be an object"),
    ],
)
def test_errors_say_what_is_wrong_and_what_is_allowed(document: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        HookConfig.parse(document or [1], XGBOOST)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"save_intervall": "1"}, "'save_intervall' is unknown; allowed are save_interval"),
        ({"reductions": "median"}, "'median' is not a reduction; allowed are min, max"),
        ({"include_regex": "("}, r"include_regex '\(' is no regular expression"),
        ({"save_steps": "1,x"}, "save_steps is '1,x'"),
    ],
)
def test_errors_in_a_collection_name_it(given: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=f"collection 'labels'.*{words}"):
        parse(labels=given)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("labels", {"save_histogram": "True"}, "save_histogram is 'True', but the hook writes nothing for TensorBoard"),
        ("metrics", {"reductions": "mean"}, "reductions is 'mean', but it holds single numbers"),
        ("losses", {"save_raw_tensor": "False"}, "save_raw_tensor is 'False', but it holds single numbers"),
    ],
)
def test_what_would_have_no_effect_is_refused(name: str, given: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=f"collection '{name}': {words}"):
        parse(**{name: given})


@pytest.mark.parametrize(
    "given", [{"export_tensorboard": "True"}, {"tensorboard_dir": "board"}, {"save_histogram": True}], ids=str
)
def test_the_hook_refuses_what_is_for_tensorboard(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"HookParameters: {next(iter(given))} is .*nothing for TensorBoard"):
        parse(given)
    assert parse({"export_tensorboard": "False", "save_histogram": False})


def test_only_xgboosts_hook_samples_rows() -> None:
    with pytest.raises(ConfigError, match="shap_sample_rows is '5', but only XGBoost's hook"):
        HookConfig.parse({"HookParameters": {"shap_sample_rows": "5"}}, PYTORCH)


def test_kerass_hook_knows_one_worker() -> None:
    with pytest.raises(ConfigError, match="include_workers is 'all', but Keras's hook knows of one worker"):
        HookConfig.parse({"HookParameters": {"include_workers": "all"}}, KERAS)
    assert HookConfig.parse({"HookParameters": {"include_workers": "all"}}, PYTORCH).all_workers


def test_the_environment_continues_a_long_configuration() -> None:
    parts = {
        "GRIDWATCH_HOOK_CONFIG": '{"HookPar',
        "GRIDWATCH_HOOK_CONFIG_1": 'ameters"',
        "GRIDWATCH_HOOK_CONFIG_2": ":{}}",
    }
    assert Environment.read(parts).document == {"HookParameters": {}}


def test_sagemakers_file_is_read_where_the_environment_says(tmp_path: Path) -> None:
    path = tmp_path / "debughookconfig.json"
    path.write_text('{"LocalPath": "/elsewhere"}')
    environment = Environment.read({"SMDEBUG_CONFIG_FILE_PATH": str(path)})
    assert HookConfig.parse(environment.document, XGBOOST).local_path == "/elsewhere"


def test_sagemakers_file_may_hold_more_than_the_hooks_part(tmp_path: Path) -> None:
    path = tmp_path / "input" / "config" / "debughookconfig.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"LocalPath": "/elsewhere", "SomethingNew": 1}')
    assert Environment.read({"SAGEMAKER_BASE_DIR": str(tmp_path)}).document == {"LocalPath": "/elsewhere"}


def test_nothing_configured_means_no_hook(tmp_path: Path) -> None:
    assert Environment.read({}).document is None
    assert Environment.read({"GRIDWATCH_TENSORS_URI": "s3://b/t"}).document == {}
    with pytest.raises(ConfigError, match="does not exist"):
        Environment.read({"SMDEBUG_CONFIG_FILE_PATH": str(tmp_path / "none.json")})
    with pytest.raises(ConfigError, match="GRIDWATCH_HOOK_CONFIG is not JSON"):
        Environment.read({"GRIDWATCH_HOOK_CONFIG": "{"})


def test_the_jobs_of_a_tuning_job_write_below_their_own_names() -> None:
    told = {"GRIDWATCH_TENSORS_URI": "s3://b/tensors/{TRAINING_JOB_NAME}/debug-output"}
    assert Environment.read({**told, "TRAINING_JOB_NAME": "t-001"}).tensors_uri == "s3://b/tensors/t-001/debug-output"
    with pytest.raises(ConfigError, match="TRAINING_JOB_NAME does not say which job"):
        Environment.read(told)
