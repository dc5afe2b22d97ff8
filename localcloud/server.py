"""The local cloud's process: MiniStack with our SageMaker in it, until told to stop."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud import ministack_adapter as ministack
from localcloud.guard import Guard
from localcloud.lambda_code import CodeCache
from localcloud.sagemaker.images import ImageMap
from localcloud.sagemaker.platform import JobSettings, Platform
from localcloud.sagemaker.service import RegionalSageMaker, SageMaker

_LOG = logging.getLogger(__name__)
_FORCED_EXIT_AFTER = 8.0


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the local cloud runs."""

    host: str = "127.0.0.1"
    port: int = 0
    region: str = "us-east-1"
    account: str = "000000000000"
    state_dir: Path | None = None
    images: Path | None = None
    templates: tuple[Path, ...] = ()
    follow_stdin: bool = False
    workers_per_function: int = 2
    jobs: JobSettings = field(default_factory=JobSettings)


def run(settings: ServerSettings) -> int:
    """Serve until SIGTERM, SIGINT or, with ``follow_stdin``, the end of standard input. Prints one line when ready."""
    images = ImageMap.load(settings.images)
    listener = _listen(settings.host, settings.port)
    port = listener.getsockname()[1]
    scratch = Path(tempfile.mkdtemp(prefix="localcloud-", dir=settings.state_dir))
    _log_to((settings.state_dir or scratch) / "localcloud.log")
    guard = Guard.start(scratch)
    try:
        ministack.prepare_environment(settings.host, port, settings.region, settings.account, scratch)
        asyncio.run(_Cloud(settings, images, listener, scratch, guard).serve())
    finally:
        ministack.stop_workers()
        guard.close()
    return 0


class _Cloud:
    """The parts of one running cloud, wired together."""

    def __init__(self, settings: ServerSettings, images: ImageMap, listener: socket.socket, scratch: Path, guard: Guard) -> None:
        self._settings = settings
        self._images = images
        self._listener = listener
        self._scratch = scratch
        self._guard = guard
        self._endpoint = f"http://{settings.host}:{listener.getsockname()[1]}"
        self._sagemaker = SageMaker(self._regional)

    async def serve(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave, stop)
        if self._settings.follow_stdin:
            threading.Thread(target=_await_parent, args=(loop, lambda: self._leave(stop)), daemon=True).start()
        self._plug_in()
        await ministack.serve(self._listener.fileno(), self._announce, stop)

    def _plug_in(self) -> None:
        ministack.add_sagemaker(self._sagemaker.handle)
        ministack.on_reset(lambda: self._sagemaker.close(5))
        ministack.improve_athena()
        ministack.deliver_asynchronously()
        cache = CodeCache((self._settings.state_dir or self._scratch) / "lambda-code")
        ministack.improve_workers(cache, self._guard, self._settings.workers_per_function)

    def _leave(self, stop: asyncio.Event) -> None:
        stop.set()
        # Whatever hangs: the guard kills the children once this process is gone.
        timer = threading.Timer(_FORCED_EXIT_AFTER, os._exit, args=(1,))
        timer.daemon = True
        timer.start()

    def _announce(self) -> None:
        threading.Thread(target=self._deploy_and_announce, daemon=True).start()

    def _deploy_and_announce(self) -> None:
        outputs: dict[str, Any] = {}
        for template in self._settings.templates:
            from localcloud.deploy import deploy

            outputs |= deploy(template, self._endpoint, region=self._settings.region)
        line = {"endpoint": self._endpoint, "region": self._settings.region, "account": self._settings.account}
        print(json.dumps(line | ({"outputs": outputs} if outputs else {})), flush=True)

    def _regional(self, account: str, region: str) -> RegionalSageMaker:
        return RegionalSageMaker(self._images, self._platform(account, region))

    def _platform(self, account: str, region: str) -> Platform:
        def client(service: str) -> Any:
            import boto3

            keys = ministack.session_credentials(account)
            session = boto3.session.Session(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name=region)
            return session.client(service, endpoint_url=self._endpoint)

        def put_event(entry: Mapping[str, Any]) -> None:
            ministack.put_event(account, region, entry)

        return Platform(
            account=account,
            region=region,
            endpoint=self._endpoint,
            scratch=self._scratch,
            guard=self._guard,
            settings=self._settings.jobs,
            client=client,
            put_event=put_event,
            has_role=lambda role: ministack.role_trusts(role, "sagemaker.amazonaws.com"),
            credentials=lambda _role: ministack.session_credentials(account),
        )


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(512)
    return listener


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(filename=path, level=logging.INFO, format=form, force=True)


def _await_parent(loop: asyncio.AbstractEventLoop, leave: Any) -> None:
    """Standard input is a pipe that only the parent holds: its end is the parent's end."""
    while sys.stdin.buffer.raw.read(4096):  # type: ignore[attr-defined]
        pass
    loop.call_soon_threadsafe(leave)
