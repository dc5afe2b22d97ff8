"""Everything that touches MiniStack's private names, for the exact version pinned in the requirements.

MiniStack offers no plug-in interface; tests/contract/test_localcloud_*.py fail when one of these names changes its meaning.
Import this module only after ``prepare_environment``: MiniStack reads its settings when it is imported.
"""

import asyncio
import json
import os
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from localcloud.athena import to_duckdb
from localcloud.guard import Guard
from localcloud.lambda_code import CodeCache

MINISTACK_VERSION = "1.5.33"
Response = tuple[int, dict[str, str], bytes]
Handle = Callable[[str, str, Mapping[str, str], str, bytes], Response]


class LambdaInitError(RuntimeError):
    """A function's module could not be imported; the text is what the worker said."""


def prepare_environment(host: str, port: int, region: str, account: str, scratch: Path) -> None:
    """Set what MiniStack reads at import, and drop the host's own AWS settings, which its workers would inherit."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "BOTO_"))]:
        del os.environ[name]
    os.environ.update(
        {
            "BIND_HOST": host,
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": region,
            "MINISTACK_ACCOUNT_ID": account,
            "AWS_EC2_METADATA_DISABLED": "true",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            # A socket that does not exist: MiniStack then never looks for a Docker daemon.
            "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
            "TMPDIR": str(scratch),
        }
    )


def application() -> Callable[..., Awaitable[None]]:
    """MiniStack's ASGI application."""
    from ministack import app

    asgi: Callable[..., Awaitable[None]] = app.app
    return asgi


def add_sagemaker(handle: Handle) -> None:
    """Route SageMaker's requests (and sagemaker-metrics', which signs as SageMaker too) to ``handle``."""
    from ministack import app
    from ministack.core import responses, router

    async def handler(_method: str, path: str, headers: dict[str, str], body: bytes, _query: object) -> Response:
        return handle(responses.get_account_id(), responses.get_region(), headers, path, body)

    router.SERVICE_PATTERNS["sagemaker"] = {"target_prefixes": ["SageMaker."]}
    app.SERVICE_HANDLERS["sagemaker"] = handler


def on_reset(callback: Callable[[], None]) -> None:
    """Call ``callback`` when all state is to be forgotten (``POST /_ministack/reset``)."""
    from ministack import app

    forget = app._reset_all_state

    def reset_all() -> None:
        callback()
        forget()

    app._reset_all_state = reset_all


def put_event(account: str, region: str, entry: Mapping[str, Any]) -> None:
    """Put an event of an AWS service on the default bus; from any thread, delivered in the order of the calls."""
    from ministack import app
    from ministack.core import responses
    from ministack.services import eventbridge

    def deliver() -> None:
        with responses.request_scope(account, region):
            eventbridge._put_events({"Entries": [dict(entry)]}, allow_aws_source=True)

    loop = app._MAIN_LOOP
    if loop is not None and not loop.is_closed():
        loop.call_soon_threadsafe(deliver)


def role_trusts(role_arn: str, service: str) -> bool:
    """Whether IAM holds the role and its trust policy lets ``service`` assume it. Only within a request."""
    from ministack.services import iam

    role = iam._roles.get(role_arn.rsplit("/", 1)[-1])
    if role is None:
        return False
    document = role.get("AssumeRolePolicyDocument") or "{}"
    statements = (json.loads(document) if isinstance(document, str) else document).get("Statement", [])
    return any(_trusts(item, service) for item in (statements if isinstance(statements, list) else [statements]))


def _trusts(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal", {})
    named = principal.get("Service", []) if isinstance(principal, dict) else []
    return statement.get("Effect") == "Allow" and service in ([named] if isinstance(named, str) else named)


def session_credentials(account: str) -> dict[str, str]:
    """Credentials of a process that acts in ``account``: MiniStack takes a twelve-digit key as the account."""
    return {"AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "local"}


def improve_athena() -> None:
    """Queries in Athena's dialect, and named queries in templates. Applied when either service is first used."""
    from ministack import app

    def translate_queries() -> None:
        from ministack.services import athena

        run = athena._run_duckdb

        async def run_translated(query: str, database: str, catalog: str | None = None) -> Any:
            return await run(to_duckdb(query), database, catalog)

        athena._run_duckdb = run_translated

    _before_first_use(app.SERVICE_HANDLERS, "athena", translate_queries)
    _before_first_use(app.SERVICE_HANDLERS, "cloudformation", _add_named_queries)


def _before_first_use(handlers: dict[str, Any], service: str, prepare: Callable[[], None]) -> None:
    """Importing a service costs memory and start-up time: change it only when its first request comes."""
    original = handlers[service]

    async def first(*request: Any) -> Any:
        if handlers[service] is first:
            prepare()
            handlers[service] = original
        return await original(*request)

    handlers[service] = first


def _add_named_queries() -> None:
    from ministack.services import athena
    from ministack.services.cloudformation import provisioners

    def create(_logical_id: str, props: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        answer = json.loads(athena._create_named_query(props)[2])
        return answer["NamedQueryId"], {"NamedQueryId": answer["NamedQueryId"]}

    def update(physical_id: str, _old: dict[str, Any], new: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        kept = {"NamedQueryId": physical_id, "WorkGroup": "primary", "Description": ""}
        athena._named_queries[physical_id] = kept | new
        return physical_id, {"NamedQueryId": physical_id}

    def delete(physical_id: str, _props: dict[str, Any]) -> None:
        athena._delete_named_query({"NamedQueryId": physical_id})

    provisioners._RESOURCE_HANDLERS["AWS::Athena::NamedQuery"] = {"create": create, "update": update, "delete": delete}


def deliver_asynchronously() -> None:
    """EventBridge calls functions as Lambda's asynchronous invocation does: with retries and the function's failure target."""
    from ministack.services import eventbridge, lambda_svc

    def dispatch(arn: str, payload: str) -> None:
        function, config, _name = lambda_svc._get_func_record_for_ref(arn)
        if function and config:
            record = lambda_svc._execution_record_for_config(function, config)
            lambda_svc.invoke_async_with_retry(record, json.loads(payload))

    eventbridge._dispatch_to_lambda = dispatch


def improve_workers(cache: CodeCache, guard: Guard, per_function: int) -> None:
    """Lambda workers that start quickly, end with the cloud, and number at most ``per_function`` for each function."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    class Worker(lambda_runtime.Worker):  # type: ignore[misc, name-defined]
        """A worker whose code lies unpacked in the cache, so that only the first one compiles it."""

        def _spawn(self) -> None:
            self._proc = _start_worker(self.config, cache.folder(self.code_zip), _layers(self.config, cache), cache)
            guard.watch_process(self._proc.pid)
            self._stderr_thread = threading.Thread(target=self._read_stderr, daemon=True, name=f"stderr-{self.func_name}")
            self._stderr_thread.start()
            _await_ready(self._proc)
            self._start_time = time.time()

    original_class = lambda_runtime._worker_class_for

    def worker_class(config: dict[str, Any]) -> type:
        python = str(config.get("Runtime", "")).startswith("python")
        chosen: type = Worker if python else original_class(config)
        return chosen

    lambda_runtime._worker_class_for = worker_class
    _bound_workers(lambda_svc, per_function)


def _bound_workers(lambda_svc: Any, per_function: int) -> None:
    """An invocation beyond the bound waits for a free worker: on a small machine a new one would slow down them all."""
    acquire, release = lambda_svc.acquire_worker, lambda_svc.release_worker
    freed = threading.Condition()

    def acquire_bounded(name: str, config: dict[str, Any], code: bytes, **options: Any) -> tuple[Any, str]:
        # A function that calls itself and waits would hold its own worker: after its timeout it gets one beyond the bound.
        deadline = time.monotonic() + float(config.get("Timeout", 3))
        with freed:
            while time.monotonic() < deadline:
                worker, how = acquire(name, config, code, **{**options, "max_concurrency": per_function})
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


def _layers(config: Mapping[str, Any], cache: CodeCache) -> list[Path]:
    from ministack.services import lambda_svc

    archives = [lambda_svc._resolve_layer_zip(layer) for layer in config.get("Layers", [])]
    return [cache.folder(archive) for archive in archives if archive]


def _start_worker(config: Mapping[str, Any], code: Path, layers: Iterable[Path], cache: CodeCache) -> Any:
    """Start MiniStack's worker script for a function, and tell it what to import."""
    from ministack.core import lambda_runtime

    binary, script = lambda_runtime._detect_runtime_binary(config["Runtime"])
    given = dict(config.get("Environment", {}).get("Variables", {}))
    module, handler = config["Handler"].rsplit(".", 1)
    process = subprocess.Popen(
        [binary, "-c", script],
        cwd=code,
        env=_worker_environment(config, code, layers) | given,
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
    """Lambda's own variables (docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html); nothing of the host's."""
    from ministack.core import lambda_runtime

    account, region = lambda_runtime._account_region_from_function_config(config)
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
    from ministack.core import lambda_runtime

    lambda_runtime.reset()


async def serve(sockets_fd: int, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Serve MiniStack on a listening socket; ``ready`` is called when it answers, ``stop`` ends it."""
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{sockets_fd}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.5
    config.shutdown_timeout = 2
    config.accesslog = None
    config.errorlog = None

    async def until_stopped() -> None:
        # Hypercorn starts this once the application has started and the socket is being served.
        ready()
        await stop.wait()

    await hypercorn_serve(application(), config, shutdown_trigger=until_stopped)  # type: ignore[arg-type]
