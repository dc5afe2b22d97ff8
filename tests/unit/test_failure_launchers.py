"""The cause in reasons that launchers, installers and other languages than Python have written."""

from __future__ import annotations

import pytest

from gridwatch.failure_cause import cause_of


def toolkit(said: str, code: int = 1) -> str:
    """A reason as SageMaker's training toolkit makes it of a script's last words."""
    return (
        f'AlgorithmError: ExecuteUserScriptError:\nExitCode {code}\nErrorMessage "{said}"\n'
        f'Command "/opt/conda/bin/python3 train.py", exit code: {code}'
    )


_TORCHRUN = """torch.distributed.elastic.multiprocessing.errors.ChildFailedError
 ============================================================
 train.py FAILED
 ------------------------------------------------------------
 Failures
 <NO_OTHER_FAILURES>
 Root Cause (first observed failure)
 [0]
 time      : 2026-09-05_10:11:12
 host      : algo-1
 rank      : 1 (local_rank: 1)
 exitcode  : {code} (pid: 56)
 error_file: <N/A>
 traceback : {traceback}"""
_MPI = """[1,mpirank:0,algo-1]<stderr>:Traceback (most recent call last)
[1,mpirank:0,algo-1]<stderr>:  File "train.py", line 3, in <module>
[1,mpirank:0,algo-1]<stderr>:ModuleNotFoundError: No module named 'lightgbm'
--------------------------------------------------------------------------
MPI_ABORT was invoked on rank 0 in communicator MPI_COMM_WORLD
with errorcode 1.
NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes.
You may or may not see output from other processes, depending on
exactly when Open MPI kills them."""
_MPI_ALONE = """cannot open train.bin
 Primary job  terminated normally, but 1 process returned
 a non-zero exit code. Per user-direction, the job has been aborted.
 mpirun.real detected that one or more processes exited with non-zero status, thus causing
 the job to be terminated. The first process to do so was:
 Process name: [[41213,1],3]
 Exit code:    1"""
_TENSORFLOW = """tensorflow.errors.InvalidArgumentError: Graph execution error:
 Detected at node 'model/dense/MatMul' defined at (most recent call last):
 File "train.py", line 50, in <module>
 Node: 'model/dense/MatMul'
 Matrix size-incompatible: In[0]: [32,10], In[1]: [20,1]
 [[{{node model/dense/MatMul}}]] [Op:__inference_train_function_1234]"""
_GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "train.py", line 3, in <module>
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | ValueError: boom
    +------------------------------------"""
_PIP = """ERROR: Could not find a version that satisfies the requirement foo==1 (from versions: none)
 ERROR: No matching distribution found for foo==1
 [notice] A new release of pip is available: 23.0.1 -> 23.2.1
 [notice] To update, run: pip install --upgrade pip"""
_JAVA = """Exception in thread "main" java.lang.IllegalArgumentException: label does not exist
\tat org.apache.spark.sql.types.StructType.$anonfun$apply$1(StructType.scala:278)
\t... 12 more"""
_RAY = """ray.exceptions.RayTaskError(ValueError): no such column
 0%|          | 0/1875 [00:03<?, ?it/s]"""
_PYDANTIC = """pydantic_core._pydantic_core.ValidationError: 1 validation error for Config
lr"""


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (_TORCHRUN.format(code=1, traceback="To enable traceback see: https://pytorch.org"), "train.py FAILED"),
        (
            _TORCHRUN.format(code=-9, traceback="Signal 9 (SIGKILL) received by PID 56"),
            "Signal 9 (SIGKILL) ended a process",
        ),
        (_MPI, "ModuleNotFoundError: No module named 'lightgbm'"),
        (_MPI_ALONE, "cannot open train.bin"),
        (
            _TENSORFLOW,
            "tensorflow.errors.InvalidArgumentError: Matrix size-incompatible: In[0]: [32,10], In[1]: [20,1]",
        ),
        (
            "2026-02-01 10:11:12.123456: F tensorflow/core/env.cc:73] Check failed: ret == 0 (11 vs. 0)",
            "Check failed: ret == 0 (11 vs. 0)",
        ),
        (_GROUP, "ValueError: boom"),
        (_PIP, "ERROR: No matching distribution found for foo==1"),
        (_JAVA, "java.lang.IllegalArgumentException: label does not exist"),
        ("Error in library(caret) : there is no package called 'caret'\n Execution halted",
         "Error in library(caret) : there is no package called 'caret'"),
        ("Error in eval(predvars, data, env) : \n object 'rings' not found\n Calls: lm -> eval\n Execution halted",
         "Error in eval(predvars, data, env) : object 'rings' not found"),
        ("Error: object 'rings' not found\n Execution halted", "Error: object 'rings' not found"),
        (_RAY, "ray.exceptions.RayTaskError(ValueError): no such column"),
        (_PYDANTIC, "pydantic_core._pydantic_core.ValidationError: 1 validation error for Config lr"),
        ("zipfile.BadZipFile: File is not a zip file\n Epoch 1:   3%|3         | 1/30 [00:00<00:02]",
         "zipfile.BadZipFile: File is not a zip file"),
        ("ValueError: bad\n UserWarning: the session was not closed", "ValueError: bad"),
        ("socket.gaierror: [Errno -2] Name or service not known\n leaving", None),
        ("WARNING:root:there is no data", None),
        ("terminate called after throwing an instance of 'c10::Error'\n what():  CUDA error\nAborted (core dumped)",
         "what():  CUDA error"),
        ("python: malloc.c:2379: sysmalloc: Assertion failed.\nAborted (core dumped)", None),
        ("ERROR: LoadError: UndefVarError: x not defined\nStacktrace:\n [1] top-level scope\n @ train.jl:3", None),
        ("Error: bad\n    at Object.<anonymous> (/opt/x.js:3:9)\n\nNode.js v18.0.0", None),
        ("panic: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:8 +0x1d\nexit status 2", None),
        ("thread 'main' panicked at 'bad', src/main.rs:2:5\nnote: run with `RUST_BACKTRACE=1` to see more", None),
        ("FATAL Flags parsing error: Unknown flag 'lr'.\nPass --helpshort or --helpfull to see help on flags.", None),
        ("[algo-1] no data\n[2026-01-01 10:00:00,123] [INFO] [launch.py:315:handler] Killing subprocess 1", "no data"),
        ("MPI_ABORT was invoked on rank 0\n with errorcode 3.", "with errorcode 3."),
        ("./train.sh: line 4:    33 Killed                  python train.py", None),
    ],
)  # fmt: skip
def test_the_cause_stands_among_the_words_of_what_launched_the_script(said: str, cause: str | None) -> None:
    assert cause_of(toolkit(said)) == (cause or said.splitlines()[0])


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (toolkit("", -11), "exit code -11"),
        ('AlgorithmError: ExecuteUserScriptError:\nExitCode -9\nErrorMessage ""', "exit code -9"),
        (f'AlgorithmError: InstallRequirementsError:\nExitCode 1\nErrorMessage "{_PIP}"\nCommand "pip", exit code: 1',
         "ERROR: No matching distribution found for foo==1"),
        ("AlgorithmError: ImportModuleError:\nErrorMessage \"No module named 'foo'\"", "No module named 'foo'"),
        ("AlgorithmError: framework error: \nTraceback (most recent call last):\nno label", "no label"),
    ],
)  # fmt: skip
def test_the_toolkits_own_words_are_no_cause(reason: str, cause: str) -> None:
    assert cause_of(reason) == cause
