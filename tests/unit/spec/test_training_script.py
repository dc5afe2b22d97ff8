"""What a spec may ask for, the training script must take: its own tables are read from its sources."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gridwatch.spec.checks.data import CONTENT_TYPES
from gridwatch.spec.xgboost.kinds import Kind, Names
from gridwatch.spec.xgboost.metrics import METRICS, canonical
from gridwatch.spec.xgboost.objectives import OBJECTIVES
from gridwatch.spec.xgboost.parameters import IGNORED, PARAMETERS
from gridwatch.spec.xgboost.settings import metrics_in

SCRIPT = Path(__file__).resolve().parents[3] / "hook" / "xgboost_script"
# Values at the edges of what any of the parameters takes.
SAMPLES: list[Any] = [
    -(2**31), -1, 0, 1, 2, 3, 4, 256, 2**31 - 1, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, "0", "1", "0.5", "1e-3", "2.0", "x", "",
    True, False, "true", "True", "cpu", "cuda", "(1,-1)", "[[0,1],[2]]", "(1,", "error", "prune,refresh", "prune,x",
    *OBJECTIVES, *METRICS, "error@0.7", "ndcg@10-", "ndcg-", "map-", "ams@0.15",
    "tweedie-nloglik@1.5", "auc@1", "error@x", "gbtree", "hist",
    "one_output_per_tree", "gpu_hist",
    "depthwise", "uniform", "weighted", "tree", "forest", "row", "auto", "update", "default", "cyclic", "normal",
    "topk",
]  # fmt: skip


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """The script's own reading of hyperparameters."""
    sys.path.insert(0, str(SCRIPT))
    spec = importlib.util.spec_from_file_location("script_hyperparameters", SCRIPT / "hyperparameters.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(SCRIPT))
        for name in ("script_hyperparameters", "failure"):
            sys.modules.pop(name, None)


def test_both_know_the_same_hyperparameters(script: ModuleType) -> None:
    assert set(PARAMETERS) | set(IGNORED) == set(script._READERS)
    assert set(IGNORED) == set(script._LEFT_OUT)


@pytest.mark.parametrize("name", [*PARAMETERS, *IGNORED])
def test_no_value_that_a_spec_may_have_is_refused_by_the_script(script: ModuleType, name: str) -> None:
    kind: Kind = PARAMETERS.get(name) or IGNORED[name]
    taken = [value for value in SAMPLES if kind.accepts(value)]
    if name == "eval_metric":
        taken = [value for value in taken if canonical(value)]
        assert "error@0.7" in taken
        assert "auc@1" not in taken
        assert set(METRICS) - set(taken) == {"ams", "tweedie-nloglik"}
    assert taken, "no sample is of use here"
    for value in taken:
        # As it travels: JSON in the request, JSON again in the container.
        script._READERS[name](name, script._text(json.loads(json.dumps(value))))
    if not isinstance(kind, Names):
        assert len(taken) < len(SAMPLES)


LISTS = ("error,auc", '["error", "auc"]', "['error','auc']", '"auc"', "'auc'", '"error, auc"', " auc , error,",
         "auc,auc")  # fmt: skip


@pytest.mark.parametrize("text", LISTS)
def test_both_read_the_same_list_of_metrics(script: ModuleType, text: str) -> None:
    assert script._READERS["eval_metric"]("eval_metric", text) == tuple(dict.fromkeys(metrics_in(text)))


def test_both_know_the_same_content_types() -> None:
    tree = ast.parse((SCRIPT / "data.py").read_text())
    tables = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "_TYPES"
    ]
    assert set(CONTENT_TYPES) == set(tables[0])
