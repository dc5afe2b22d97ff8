"""What went wrong, in one line, of the reasons that SageMaker gives."""

from __future__ import annotations

import pytest

from gridwatch.failure_cause import LONGEST, cause_of

_TRACEBACK = """AlgorithmError: ExecuteUserScriptError:
Traceback (most recent call last):
  File "/opt/ml/code/train.py", line 3, in <module>
    import lightgbm
ModuleNotFoundError: No module named 'lightgbm', exit code: 1"""
_TOOLKIT = """AlgorithmError: ExecuteUserScriptError:
ExitCode 1
ErrorMessage "KeyError: 'labels'
"
Command "/opt/conda/bin/python3.10 train.py --epochs 3 --lr 0.1", exit code: 1"""
_TOOLKIT_TRACEBACK = """AlgorithmError: ExecuteUserScriptError:
ExitCode 1
ErrorMessage "raise ValueError("depth must be positive")
 ValueError: depth must be positive"
Command "/opt/conda/bin/python3.10 train.py --depth -1", exit code: 1"""
_CHAINED = """AlgorithmError: ExecuteUserScriptError:
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "train.py", line 9, in main
    raise RuntimeError("no column a") from None
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
RuntimeError: no column a, exit code: 1"""
_TORCHRUN = """AlgorithmError: ExecuteUserScriptError:
[rank1]: Traceback (most recent call last):
[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
------------------------------------------------------------, exit code: 1"""
_XGBOOST = """AlgorithmError: ExecuteUserScriptError:
xgboost.core.XGBoostError: [09:12:33] /workspace/src/objective/regression_obj.cu:78: label must be in [0,1]
Stack trace:
  [bt] (0) /opt/libxgboost.so(+0x1b4f5a) [0x7f1c]
  [bt] (1) /opt/libxgboost.so(+0x1b4f5a) [0x7f1c], exit code: 1"""


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (_TRACEBACK, "ModuleNotFoundError: No module named 'lightgbm'"),
        (_TOOLKIT, "KeyError: 'labels'"),
        (_TOOLKIT_TRACEBACK, "ValueError: depth must be positive"),
        (_CHAINED, "RuntimeError: no column a"),
        (_TORCHRUN, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"),
        (_XGBOOST, "xgboost.core.XGBoostError: label must be in [0,1]"),
        ("AlgorithmError: the data is empty, exit code: 3", "AlgorithmError: the data is empty"),
        ("AlgorithmError: , exit code: 137", "exit code 137"),
        ("AlgorithmError: ExecuteUserScriptError:\n, exit code: -9", "exit code -9"),
        ("AlgorithmError: [algo-2] ExecuteUserScriptError:\nCannot open: data.csv", "Cannot open: data.csv"),
        ("CapacityError: Unable to provision requested ML compute capacity.", None),
        ("ClientError: Data download failed:Please ensure that there is at least one object", None),
        ("ERROR bad thing\nsegmentation fault (core dumped)", "segmentation fault (core dumped)"),
        ("", "no reason given"),
        (None, "no reason given"),
    ],
)
def test_the_cause_is_the_line_that_says_what_went_wrong(reason: str | None, cause: str | None) -> None:
    assert cause_of(reason) == (reason if cause is None else cause)


def test_a_cause_is_never_hundreds_of_characters() -> None:
    cause = cause_of("AlgorithmError: ExecuteUserScriptError:\nValueError: " + "x" * 900)
    assert len(cause) == LONGEST
    assert cause.endswith("…")
