"""Changes MiniStack's Lambda: workers start quickly, end with the cloud and are few, and the bus delivers
asynchronously.
"""

import io
import json
import os
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import eventbridge, lambda_svc

from gridwatch.localcloud.assets import LAYER_MANIFEST, AssetError, twin_for_this_machine
from gridwatch.localcloud.confining import confined
from gridwatch.localcloud.guard import Guard
from gridwatch.localcloud.lambda_code import CodeCache
from gridwatch.localcloud.troubles import Troubles

Invoke = Callable[[], dict[str, Any]]
_MINUTES = 180.0  # seconds: the timeout of functions that do much at once
_WORKERS: dict[str, Any] = {}  # processes by the name that their requests carry
_FUNCTIONS: dict[str, str] = {}  # the functions that these are of; kept when they have ended


class LambdaInitError(RuntimeError):
    """A function's module could not be imported; the message is what the worker said."""


def deliver_asynchronously() -> None:
    """Have EventBridge invoke functions as asynchronous calls do: with retries and the function's failure target."""

    def dispatch(arn: str, payload: str) -> None:
        function, config, _name = lambda_svc._get_func_record_for_ref(arn)
        if function and config:
            record = lambda_svc._execution_record_for_config(function, config)
            lambda_svc.invoke_async_with_retry(record, json.loads(payload))

    eventbridge._dispatch_to_lambda = dispatch


def poll_queues_at_once() -> None:
    """Shorten the pause that MiniStack's queue poller makes after a wake that was not for it.

    Every message to any queue wakes every poller, so in a chain of queues most wakes are of this kind: 50 ms each would
    be the latency.
    """
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = 0.005


def improve_workers(
    cache: CodeCache,
    guard: Guard,
    per_function: int,
    used: Callable[[str, float], None],
    troubles: Troubles,
    *,
    limited: bool = False,
) -> None:
    """Lambda workers that start quickly, end with the cloud, and number at most ``per_function`` for each function.
    ``used`` is told each invocation's function and seconds, ``troubles`` which function cannot be imported, or with
    ``limited`` needed more than its memory.
    """

    class Worker(lambda_runtime.Worker):  # type: ignore[misc]
        """A worker whose code is unpacked in the cache, so that only the first one compiles it."""

        def _spawn(self) -> None:
            what = f"function {self.config.get('FunctionName', '')} cannot start, so nothing that it does will happen"
            try:
                self._start()
            except (LambdaInitError, AssetError) as error:
                troubles.tell(what, str(error))
                raise LambdaInitError(str(error)) from error
            troubles.over(what)

        def _start(self) -> None:
            layers = [_layer_folder(archive, cache) for archive in _layer_archives(self.config)]
            name = os.urandom(8).hex()
            self._proc = _start_worker(self.config, cache.folder(self.code_zip), layers, name)
            _WORKERS[name] = self._proc
            _FUNCTIONS[name] = str(self.config.get("FunctionName", ""))
            guard.watch_process(self._proc.pid)
            threading.Thread(target=self._read_stderr, args=(self._proc, name), daemon=True).start()
            _await_ready(self._proc)
            self._start_time = time.time()

        def invoke(self, *arguments: Any, **options: Any) -> dict[str, Any]:
            begun = time.monotonic()
            try:
                within = partial(_within_limits, self, troubles) if limited else _as_it_is
                return within(partial(super().invoke, *arguments, **options))
            finally:
                used(str(self.config.get("FunctionName", "")), time.monotonic() - begun)

        def _read_stderr(self, process: Any, name: str) -> None:
            for line in process.stderr:
                self._stderr_queue.put(line.rstrip("\n"))
            # Its end of the pipe is closed: it has ended, and its number may go to somebody else.
            guard.forget(process.pid)
            _WORKERS.pop(name, None)

        def _drain_stderr_bounded(self, **_waits: float) -> str:
            # MiniStack waits 50 ms for a function that logs nothing; what comes later goes with the next invocation.
            log: str = super()._drain_stderr_bounded(first_line_wait=0.005, idle_confirm=0.003)
            return log

    original_class = lambda_runtime._worker_class_for

    def worker_class(config: dict[str, Any]) -> type:
        chosen: type = Worker if str(config.get("Runtime", "")).startswith("python") else original_class(config)
        return chosen

    lambda_runtime._worker_class_for = worker_class
    _bound_workers(per_function)


def _as_it_is(invoke: Invoke) -> dict[str, Any]:
    return invoke()


def _within_limits(worker: Any, troubles: Troubles, invoke: Invoke) -> dict[str, Any]:
    """Invoke with Lambda's memory and share of a processor; MiniStack ends what takes too long."""
    name, megabytes = worker.config.get("FunctionName", ""), int(worker.config.get("MemorySize", 128))
    with confined(lambda: worker._proc.pid if worker._proc else None, megabytes) as confinement:
        answer = invoke()
    if not confinement.exceeded:
        return answer
    troubles.tell(f"function {name} was ended", f"it needed more than its {megabytes} MB of memory")
    return {**answer, "status": "error", "error": "Runtime exited with error: signal: killed"}


def _bound_workers(per_function: int) -> None:
    """Bound the workers: an invocation beyond the bound waits for a free one, since on a small machine a new one would
    slow down all.

    A function that may take minutes, such as one that writes tables, has a single worker: several would take the
    machine from the trainings and from whoever watches them.
    """
    acquire, release = lambda_svc.acquire_worker, lambda_svc.release_worker
    freed = threading.Condition()

    def acquire_bounded(name: str, config: dict[str, Any], code: bytes, **options: Any) -> tuple[Any, str]:
        # A function that calls itself and waits holds its own worker: after its timeout it gets one beyond the bound.
        timeout = float(config.get("Timeout", 3))
        most = per_function if timeout < _MINUTES else 1
        deadline = time.monotonic() + timeout
        with freed:
            while time.monotonic() < deadline:
                worker, how = acquire(name, config, code, **{**options, "max_concurrency": most})
                if worker is not None:
                    return worker, how
                freed.wait(timeout=1)
        found: tuple[Any, str] = acquire(name, config, code, **options)
        return found

    def release_and_wake(worker: Any) -> None:
        release(worker)
        with freed:
            freed.notify_all()

    lambda_svc.acquire_worker = acquire_bounded
    lambda_svc.release_worker = release_and_wake


def _layer_archives(config: Mapping[str, Any]) -> list[bytes]:
    archives = [lambda_svc._resolve_layer_zip(layer) for layer in config.get("Layers", [])]
    return [archive for archive in archives if archive]


def _layer_folder(archive: bytes, cache: CodeCache) -> Path:
    """The folder with the layer's content; for a dependency layer built for another platform, its twin for this
    machine, whoever uploaded it. Raises AssetError when none fits.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
        if LAYER_MANIFEST not in bundle.namelist():
            return cache.folder(archive)
        manifest = json.loads(bundle.read(LAYER_MANIFEST))
    return twin_for_this_machine(manifest, str(manifest["layer"])) or cache.folder(archive)


def function_of(name: str) -> str | None:
    """The function of a worker, by the name in its requests."""
    return _FUNCTIONS.get(name)


def kill_worker(name: str) -> None:
    """End a worker in the middle of whatever it does."""
    process = _WORKERS.get(name)
    if process is not None:
        process.kill()


def _start_worker(config: Mapping[str, Any], code: Path, layers: Iterable[Path], name: str) -> Any:
    """Start MiniStack's worker script for a function, and tell it what to import."""
    binary, script = lambda_runtime._detect_runtime_binary(config["Runtime"])
    given = dict(config.get("Environment", {}).get("Variables", {}))
    module, handler = config["Handler"].rsplit(".", 1)
    process = subprocess.Popen(
        [binary, "-c", script],
        cwd=code,
        # The SDK says this name with every request, so that a request leads back to its worker.
        env=_worker_environment(config, code, layers) | {"AWS_SDK_UA_APP_ID": name} | given,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    start = {
        "code_dir": str(code),
        "module": module.replace("/", "."),
        "handler": handler,
        "env": given,
        "function_name": config.get("FunctionName", ""),
        "memory": config.get("MemorySize", 128),
        "arn": config.get("FunctionArn", ""),
        "snapstart": False,
    }
    if process.stdin:
        process.stdin.write(json.dumps(start) + "\n")
        process.stdin.flush()
    return process


def _worker_environment(config: Mapping[str, Any], code: Path, layers: Iterable[Path]) -> dict[str, str]:
    """The variables of a worker: Lambda's own and none of the host's
    (docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
    """
    _account, region = lambda_runtime._account_region_from_function_config(config)
    name = config.get("FunctionName", "")
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "TMPDIR": os.environ["TMPDIR"],
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": os.urandom(16).hex(),
        "LAMBDA_TASK_ROOT": str(code),
        "_LAMBDA_LAYERS_DIRS": os.pathsep.join(str(layer) for layer in layers),
        "_LAMBDA_TIMEOUT": str(config.get("Timeout", 3)),
        **{k: v for k, v in lambda_runtime.execution_credentials(dict(config)).items() if v},
    }


def _await_ready(process: Any) -> None:
    """Read the worker's first JSON line; other lines are what the module printed while it was imported."""
    for line in process.stdout:
        if line.startswith("{"):
            answer = json.loads(line)
            if answer.get("status") != "ready":
                raise LambdaInitError(f"Worker init failed: {answer.get('error')}")
            return
    raise LambdaInitError(f"Worker process exited at once: {process.stderr.read(4096)}")


def stop_workers() -> None:
    """End all Lambda workers."""
    lambda_runtime.reset()
