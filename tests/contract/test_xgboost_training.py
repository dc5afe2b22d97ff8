"""The training script as SageMaker starts it, in the local training environment: one process for each training.

`make test` makes that environment (.venvs/xgboost); the main one holds no XGBoost, and this file imports nothing of it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridwatch_rules.rules.profiler.metrics import Sample, Span
from gridwatch_rules.rules.profiler.reader import ProfileCursor, ProfileReader
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import LocalSource
from gridwatch_rules.tensors.steps import SavedStep

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venvs" / "xgboost" / "bin" / "python"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the training environment is missing; run: make setup")


@dataclass(frozen=True)
class Container:
    """The folders of one training; `base` stands for /opt/ml."""

    base: Path

    @property
    def tensors(self) -> Path:
        return self.base / "tensors"

    @property
    def reader(self) -> TensorReader:
        return TensorReader(LocalSource(self.tensors))

    def configure(self, hyperparameters: Mapping[str, Any], *, content_type: str | None = "text/csv") -> None:
        """As in script mode, the file's values are JSON in strings."""
        config = self.base / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        encoded = {name: json.dumps(value) for name, value in hyperparameters.items()}
        (config / "hyperparameters.json").write_text(json.dumps(encoded))
        channel = {"ContentType": content_type} if content_type else {}
        (config / "inputdataconfig.json").write_text(json.dumps({"train": channel, "validation": channel}))

    def put(self, channel: str, name: str, text: str) -> None:
        path = self.base / "input" / "data" / channel / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def start(
        self, collections: Mapping[str, Mapping[str, str]] | None = None, **variables: str
    ) -> subprocess.Popen[str]:
        environment = variables | {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "hook"),
            "SAGEMAKER_BASE_DIR": str(self.base),
            "OMP_NUM_THREADS": "1",
        }
        if collections is not None:
            listed = [{"CollectionName": name, "CollectionParameters": given} for name, given in collections.items()]
            environment["GRIDWATCH_HOOK_CONFIG"] = json.dumps({"CollectionConfigurations": listed})
            environment["GRIDWATCH_TENSORS_URI"] = str(self.tensors)
        script = ROOT / "hook" / "xgboost_script" / "train.py"
        return subprocess.Popen(
            [str(PYTHON), str(script)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, collections: Mapping[str, Mapping[str, str]] | None = None, **variables: str) -> tuple[int, str, str]:
        process = self.start(collections, **variables)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def steps(self) -> list[SavedStep]:
        return list(self.reader.new_steps(Cursor(), ended=True))

    def values(self, name: str) -> dict[int, float]:
        reader = self.reader
        return {saved.step: reader.value(saved, name).item() for saved in self.steps() if saved.place(name)}


@pytest.fixture
def container(tmp_path: Path) -> Container:
    made = Container(tmp_path / "ml")
    rows = blobs(600)
    made.put("train", "train.csv", csv(rows[:400]))
    made.put("validation", "validation.csv", csv(rows[400:]))
    return made


def blobs(count: int) -> Any:
    """Label first: two clusters that overlap."""
    random = np.random.default_rng(40)
    labels = random.integers(0, 2, count)
    points = random.normal(0, 4, (count, 2)) + 3 * labels[:, None]
    return np.column_stack([labels, points])


def csv(rows: Any) -> str:
    return "".join(",".join(f"{cell:.6g}" for cell in row) + "\n" for row in rows)


BINARY = {"objective": "binary:logistic", "num_round": 6, "max_depth": 3, "eta": 0.3}
LINE = re.compile(r"\[(\d+)\]((?:\t[^\t:]+:-?[\d.]+)+)")


def logged(out: str) -> dict[int, dict[str, float]]:
    """What the log says, as SageMaker's metric definitions would find it."""
    found = {}
    for line in out.splitlines():
        if match := LINE.fullmatch(line):
            cells = (cell.rpartition(":") for cell in match[2].strip().split("\t"))
            found[int(match[1])] = {name: float(value) for name, _, value in cells}
    return found


def test_a_training_logs_each_round_saves_its_tensors_and_leaves_a_model(container: Container) -> None:
    container.configure({**BINARY, "eval_metric": "error,error@0.7,logloss"})
    every = {"save_interval": "2"}
    code, out, err = container.run({"metrics": every, "losses": every, "labels": every, "hyperparameters": every})
    assert (code, err) == (0, "")
    lines = logged(out)
    assert list(lines) == list(range(6))
    assert list(lines[0]) == [
        "train-error", "train-error@0.7", "train-logloss",
        "validation-error", "validation-error@0.7", "validation-logloss",
    ]  # fmt: skip
    for name in lines[0]:
        saved = container.values(name)
        assert list(saved) == [0, 2, 4]
        assert all(round(saved[step], 5) == lines[step][name] for step in saved)
    assert container.values("hyperparameters/max_depth") == {0: 3, 2: 3, 4: 3}
    assert container.reader.has_ended()
    assert (container.base / "model" / "xgboost-model").stat().st_size > 0


def test_the_model_is_the_one_that_xgboost_trains_alone(container: Container) -> None:
    container.configure({**BINARY, "subsample": 0.5, "seed": 7})
    assert container.run()[0] == 0
    without = (container.base / "model" / "xgboost-model").read_bytes()
    everything = ["metrics", "predictions", "labels", "feature_importance", "average_shap", "full_shap", "trees"]
    assert container.run({name: {"save_interval": "1"} for name in everything})[0] == 0
    assert (container.base / "model" / "xgboost-model").read_bytes() == without


def test_every_collection_of_smdebugs_xgboost_hook_is_saved(container: Container) -> None:
    container.configure(BINARY)
    names = ["predictions", "labels", "feature_importance", "average_shap", "full_shap", "trees", "hyperparameters"]
    code, _, err = container.run({name: {"save_interval": "5"} for name in names})
    assert (code, err) == (0, "")
    reader = container.reader
    first, last = container.steps()
    value = {name: reader.value(last, name) for name in last.names}
    assert (first.step, last.step) == (0, 5)
    assert value["predictions"].shape == value["labels"].shape == (200,)
    assert ((value["predictions"] > 0) & (value["predictions"] < 1)).all()
    for kind in ("weight", "gain", "cover", "total_gain", "total_cover"):
        shares = [value[f"feature_importance/{kind}/{feature}"].item() for feature in ("f0", "f1")]
        assert sum(shares) == pytest.approx(1.0)
    assert value["full_shap/f0"].shape == (200,)  # a sample of the 400 rows
    assert value["average_shap/f0"].item() == pytest.approx(value["full_shap/f0"].mean(), rel=1e-4)
    nodes = len(value["trees/Node"])
    assert {name.removeprefix("trees/") for name in value if name.startswith("trees/")} == {
        "Tree", "Node", "ID", "Feature", "Split", "Yes", "No", "Missing", "Gain", "Cover", "Category",
    }  # fmt: skip
    assert set(value["trees/Tree"]) == {5}
    assert value["trees/Node"].tolist() == sorted(value["trees/Node"].tolist())
    leaves = value["trees/Feature"] == "Leaf"
    assert 0 < leaves.sum() < nodes
    assert np.isnan(value["trees/Split"][leaves]).all()
    assert not np.isnan(value["trees/Split"][~leaves]).any()
    assert value["trees/Cover"][0] == pytest.approx(value["trees/Cover"][leaves].sum(), rel=1e-4)


def test_a_pattern_of_ones_own_brings_the_tensors_that_match(container: Container) -> None:
    container.configure({**BINARY, "num_round": 1})
    code, _, err = container.run({"mine": {"include_regex": "^trees/Gain$,gain/f0", "save_interval": "1"}})
    assert (code, err) == (0, "")
    (saved,) = container.steps()
    assert set(saved.names) >= {"trees/Gain", "feature_importance/gain/f0", "feature_importance/total_gain/f0"}
    assert not set(saved.names) & {"trees/Node", "predictions", "feature_importance/gain/f1"}


def test_sigterm_ends_the_round_keeps_the_model_and_succeeds(container: Container) -> None:
    container.configure({**BINARY, "num_round": 1_000_000})
    process = container.start({"metrics": {"save_interval": "1"}})
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("[20]"):
            break
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - started < 15
    assert (process.returncode, err) == (0, "")
    assert (container.base / "model" / "xgboost-model").stat().st_size > 0
    assert container.reader.has_ended()
    last = int(re.findall(r"^\[(\d+)\]", out, re.MULTILINE)[-1])
    assert [saved.step for saved in container.steps()] == list(range(last + 1))


def test_a_restarted_training_goes_on_from_its_checkpoint(container: Container) -> None:
    (container.base / "checkpoints").mkdir(parents=True)
    container.configure({**BINARY, "num_round": 4})
    every_round = {"metrics": {"save_interval": "1"}}
    assert container.run(every_round)[0] == 0
    (container.base / "checkpoints" / "xgboost-checkpoint.77").write_bytes(b"cut off")
    container.configure({**BINARY, "num_round": 10})
    code, out, err = container.run(every_round)
    assert (code, err) == (0, "")
    assert list(logged(out)) == [4, 5, 6, 7, 8, 9]
    assert [saved.step for saved in container.steps()] == list(range(10))
    kept = sorted(path.name for path in (container.base / "checkpoints").iterdir())
    assert kept == [f"xgboost-checkpoint.{number}" for number in (0, 1, 2, 3, 5, 6, 7, 77, 8, 9)]


def test_early_stopping_follows_the_last_metric_and_keeps_the_best_model(container: Container) -> None:
    container.configure(
        {**BINARY, "num_round": 200, "max_depth": 9, "eval_metric": "logloss,f1", "early_stopping_rounds": 3}
    )
    code, out, err = container.run({})
    assert (code, err) == (0, "")
    scores = {number: line["validation-f1"] for number, line in logged(out).items()}
    best = max(scores, key=lambda number: (scores[number], -number))
    assert len(scores) == best + 1 + 3


@pytest.mark.parametrize("content_type", [None, "text/libsvm"])
def test_libsvm_is_read(container: Container, content_type: str | None) -> None:
    rows = blobs(100)
    text = "".join(f"{label:g} 0:{first:.6g} 1:{second:.6g}\n" for label, first, second in rows)
    for channel in ("train", "validation"):
        container.put(channel, f"{channel}.csv", text)
    container.configure(BINARY, content_type=content_type)
    code, out, _ = container.run()
    assert code == 0
    assert "train: 100 rows, 2 columns" in out


def test_weights_stand_in_the_second_column(container: Container) -> None:
    rows = blobs(200)
    weighted = np.column_stack([rows[:, 0], np.where(rows[:, 0] == 1, 1.0, 1e-6), rows[:, 1:]])
    container.put("train", "train.csv", csv(weighted))
    container.configure({**BINARY, "csv_weights": 1, "eval_metric": "error"})
    code, out, _ = container.run()
    assert code == 0
    assert "train: 200 rows, 2 columns" in out
    # Nearly all weight lies on one class, so every row is taken for it: wrong where the label is 0, at no cost.
    last = logged(out)[5]
    assert last["train-error"] == pytest.approx(0.0, abs=1e-3)
    assert last["validation-error"] > 0.3


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [
        ({"objective": "binary:logistic"}, "hyperparameter 'num_round' is required"),
        (
            {**BINARY, "eta": "fast"},
            "'eta' is 'fast', but must be a number of at least 0 and of at most 1",
        ),
        ({**BINARY, "num_rounds": 5}, "hyperparameter 'num_rounds' is unknown; allowed are "),
        ({**BINARY, "eval_metric": "erorr"}, "hyperparameter 'eval_metric' is 'erorr', but must be some of"),
        ({**BINARY, "objective": "multi:softmax"}, "needs the hyperparameter 'num_class'"),
        ({**BINARY, "objective": "multi:softmax", "num_class": 2, "eval_metric": "error"}, "XGBoost refused"),
    ],
)
def test_faults_of_the_user_are_told_where_sagemaker_looks(
    container: Container, hyperparameters: dict[str, Any], words: str
) -> None:
    container.configure(hyperparameters)
    code, _, err = container.run()
    reason = (container.base / "output" / "failure").read_text()
    assert code == 1
    assert words in reason
    assert "Traceback" not in err + reason


def test_a_header_is_told_from_data(container: Container) -> None:
    container.put("train", "train.csv", "label,a,b\n1,2,3\n")
    container.configure(BINARY)
    assert container.run()[0] == 1
    reason = (container.base / "output" / "failure").read_text()
    assert reason.startswith("channel 'train', file train.csv: 'label' is no number; CSV must have no header")


@pytest.mark.parametrize(
    ("content_type", "text", "words"),
    [
        ("text/csv", "", "channel 'train' holds no data (all of its files are empty)"),
        ("text/csv", ",1,2\n,3,4\n", "file train.csv: the label, the first column, is empty in the first line"),
        ("text/libsvm", "1,2,3\n0,4,5\n", "file train.csv is not libsvm, it begins with '1,2,3'"),
    ],
)
def test_data_that_cannot_be_trained_on_is_told_in_one_line(
    container: Container, content_type: str, text: str, words: str
) -> None:
    container.put("train", "train.csv", text)
    container.configure(BINARY, content_type=content_type)
    assert container.run()[0] == 1
    reason = (container.base / "output" / "failure").read_text()
    assert words in reason
    assert len(reason.splitlines()) == 1


NAMES = [
    "x#y.csv",
    "x?y.csv",
    "a;b.csv",
    "my rows (1).csv",
    "50%.csv",
    "a+b[1]*.csv",
    "été.csv",
    "日本.csv",
    "&=.csv",
    "it's.csv",
]


@pytest.mark.parametrize("name", ["x#y.csv", "x?y.csv", "a;b.csv"])
def test_a_channel_of_one_file_is_read_whatever_that_is_called(container: Container, name: str) -> None:
    """XGBoost follows a link that stands alone to the name that it cannot open."""
    folder = container.base / "input" / "data"
    for channel in ("train", "validation"):
        (folder / channel / f"{channel}.csv").rename(folder / channel / name)
    container.configure({"num_round": 1, "objective": "binary:logistic"}, content_type="text/csv")
    code, _, err = container.run()
    assert code == 0, err


@pytest.mark.parametrize("content_type", ["text/csv", "text/libsvm"])
def test_files_are_read_whatever_s3_lets_them_be_called(container: Container, content_type: str) -> None:
    """XGBoost takes a name for an address with a query, and for a pattern: each file must still arrive, and once."""
    folder = container.base / "input" / "data"
    for channel, count in (("train", 40), ("validation", 20)):
        (folder / channel / f"{channel}.csv").unlink()
        for place, name in enumerate(NAMES):
            rows = blobs(count)
            rows[:, 1] += place
            text = csv(rows) if content_type == "text/csv" else libsvm(rows)
            container.put(channel, name, text)
    container.put("train", "sub folder/é.csv", csv(blobs(7)) if content_type == "text/csv" else libsvm(blobs(7)))
    container.configure({"num_round": 2, "objective": "binary:logistic"}, content_type=content_type)
    code, out, err = container.run()
    assert code == 0, err
    assert f"train: {40 * len(NAMES) + 7} rows, 2 columns" in out.replace("3 columns", "2 columns")
    assert f"validation: {20 * len(NAMES)} rows" in out


def libsvm(rows: Any) -> str:
    return "".join(f"{row[0]:.0f} 0:{row[1]!r} 1:{row[2]!r}\n" for row in rows.tolist())


@pytest.mark.parametrize(
    ("first_line", "told"),
    [
        ('"1","2.5","3"', "numbers are in quotes; save them without"),
        ("1;2,5;3,5", "numbers are written with a decimal comma"),
        ("\ufeff1,2,3", "begins with a byte order mark"),
        ("label,a,b", "CSV must have no header"),
    ],
)
def test_what_is_wrong_with_the_first_line_is_called_what_it_is(
    container: Container, first_line: str, told: str
) -> None:
    container.put("train", "train.csv", f"{first_line}\n" + csv(blobs(10)))
    container.configure({"num_round": 2, "objective": "binary:logistic"})
    code, _, err = container.run()
    assert (code, told in err) == (1, True), err


MAKES_PARQUET = """
import json, sys
import pyarrow as pa, pyarrow.parquet as pq
for path, columns, metadata in json.loads(sys.stdin.read()):
    table = pa.table({name: values for name, values in columns})
    if metadata:
        table = table.replace_schema_metadata({"pandas": json.dumps(metadata)})
    pq.write_table(table, path)
"""


def has_pyarrow() -> bool:
    return (
        PYTHON.exists()
        and not subprocess.run([str(PYTHON), "-c", "import pyarrow"], check=False, capture_output=True).returncode
    )


Columns = list[tuple[str, list[Any]]]


class Parquet:
    """Channels of Parquet files; each file is its columns in order."""

    def __init__(self, container: Container) -> None:
        self._container = container
        for channel in ("train", "validation"):
            (container.base / "input" / "data" / channel / f"{channel}.csv").unlink()

    def put(self, channel: str, name: str, columns: Columns, metadata: object = None) -> None:
        path = self._container.base / "input" / "data" / channel / name
        given = json.dumps([[str(path), columns, metadata]])
        subprocess.run([str(PYTHON), "-c", MAKES_PARQUET], input=given, text=True, check=True)

    def train(self) -> tuple[int, str, str]:
        parameters = {"num_round": 8, "objective": "reg:squarederror", "eta": 1.0, "lambda": 0, "base_score": 0.0}
        self._container.configure(parameters, content_type="application/x-parquet")
        return self._container.run()


@pytest.fixture
def parquet(container: Container) -> Parquet:
    if not has_pyarrow():
        pytest.skip("the training environment has no pyarrow; run: make setup")
    return Parquet(container)


LABEL, LEFT, RIGHT = [1.0, 2.0, 3.0, 4.0] * 5, [10.0, 20.0, 30.0, 40.0] * 5, [7.0, 7.0, 7.0, 7.0] * 5


def test_columns_of_a_channel_are_put_together_by_name(parquet: Parquet) -> None:
    """By position the second file's label would follow what is constant in the first, and nothing could be learned."""
    parquet.put("train", "1.parquet", [("y", LABEL), ("left", LEFT), ("right", RIGHT)])
    parquet.put("train", "2.parquet", [("right", RIGHT), ("left", LEFT), ("y", LABEL)])
    parquet.put("validation", "1.parquet", [("y", LABEL), ("left", LEFT), ("right", RIGHT)])
    code, out, err = parquet.train()
    assert code == 0, err
    assert "train: 40 rows, 2 columns" in out
    losses = [float(loss) for loss in re.findall(r"validation-rmse:([0-9.]+)", out)]
    assert losses[-1] < 0.05


@pytest.mark.parametrize(
    "columns",
    [
        [("y", LABEL), ("right", RIGHT), ("left", LEFT)],
        [("y", LABEL), ("left", LEFT)],
        [("label", LABEL), ("left", LEFT), ("right", RIGHT)],
    ],
)
def test_channels_with_other_columns_are_refused(parquet: Parquet, columns: Columns) -> None:
    parquet.put("train", "1.parquet", [("y", LABEL), ("left", LEFT), ("right", RIGHT)])
    parquet.put("validation", "1.parquet", columns)
    code, _, err = parquet.train()
    assert code == 1
    assert "save both with the same columns in the same order" in err


def test_a_file_with_other_columns_is_refused(parquet: Parquet) -> None:
    parquet.put("train", "1.parquet", [("y", LABEL), ("left", LEFT), ("right", RIGHT)])
    parquet.put("train", "2.parquet", [("y", LABEL), ("left", LEFT), ("other", RIGHT)])
    parquet.put("validation", "1.parquet", [("y", LABEL), ("left", LEFT), ("right", RIGHT)])
    code, _, err = parquet.train()
    assert code == 1
    assert "only one of the two has 'other', 'right'" in err


def test_the_index_of_pandas_is_no_column_and_what_is_missing_is(parquet: Parquet) -> None:
    kept = {"index_columns": ["__index_level_0__"], "columns": []}
    whole = list(range(20))
    for channel in ("train", "validation"):
        flags = [None, True, False, True] * 5
        columns: Columns = [("y", LABEL), ("left", LEFT), ("flag", flags), ("__index_level_0__", whole)]
        parquet.put(channel, "1.parquet", columns, kept)
    code, out, err = parquet.train()
    assert code == 0, err
    assert "train: 20 rows, 2 columns" in out


def test_text_in_parquet_is_told(parquet: Parquet) -> None:
    for channel in ("train", "validation"):
        parquet.put(channel, "1.parquet", [("y", LABEL), ("colour", ["red", "blue"] * 10)])
    code, _, err = parquet.train()
    assert code == 1
    assert "the column 'colour' holds string, and no numbers" in err


def test_a_header_in_a_later_file_is_told_too(container: Container) -> None:
    container.put("train", "z-later.csv", "label,a,b\n1,2,3\n")
    container.configure(BINARY)
    assert container.run()[0] == 1
    assert "file z-later.csv: 'label' is no number" in (container.base / "output" / "failure").read_text()


def test_a_wrong_hook_configuration_is_told_before_training(container: Container) -> None:
    container.configure(BINARY)
    code, out, _ = container.run({"metrics": {"save_intervall": "2"}})
    assert code == 1
    assert not logged(out)
    assert "'save_intervall' is unknown" in (container.base / "output" / "failure").read_text()


def test_a_linear_booster_trains_and_what_it_has_not_is_told_in_one_line(container: Container) -> None:
    container.configure({"booster": "gblinear", "objective": "reg:squarederror", "num_round": 2})
    code, _, err = container.run({"feature_importance": {"save_interval": "1"}, "trees": {"save_interval": "1"}})
    assert code == 0
    assert len(err.splitlines()) == 3  # each of the two collections once, and both again at the end
    assert "collection trees is not saved" in err
    assert list(container.values("feature_importance/weight/f0")) == [0, 1]


def test_several_classes_have_several_trees_a_round(container: Container) -> None:
    container.configure({"objective": "multi:softprob", "num_class": 2, "num_parallel_tree": 2, "num_round": 2})
    wanted = ("predictions", "average_shap", "trees")
    code, _, err = container.run({name: {"save_interval": "1"} for name in wanted})
    assert (code, err) == (0, "")
    first, second = container.steps()
    reader = container.reader
    assert set(reader.value(first, "trees/Tree")) == {0, 1, 2, 3}
    assert set(reader.value(second, "trees/Tree")) == {4, 5, 6, 7}
    assert reader.value(second, "predictions").shape == (200, 2)
    assert reader.value(second, "average_shap/f1").size == 1


def test_a_profile_when_one_is_asked_for(container: Container) -> None:
    container.configure(BINARY)
    wanted = {"ProfilingParameters": {"DetailedProfilingConfig": '{"StartStep": 2, "NumSteps": 3, }',
                                      "DataloaderProfilingConfig": "{'StartStep': 0, }"}}  # fmt: skip
    code, _, err = container.run(
        {}, GRIDWATCH_PROFILER_CONFIG=json.dumps(wanted), GRIDWATCH_PROFILE_URI=str(container.base / "profile")
    )
    assert code == 0, err
    reader = ProfileReader(LocalSource(container.base / "profile"))
    found = reader.read(ProfileCursor(), ended=True).measurements
    spans = [(each.phase, each.step) for each in found if isinstance(each, Span)]
    assert spans == [("DataLoaderIter", None), *(("Step:ModeKeys.GLOBAL", step) for step in (2, 3, 4))]
    assert any(isinstance(each, Sample) for each in found)
