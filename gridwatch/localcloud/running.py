"""Wires the parts of the local cloud together: MiniStack's gateway, our SageMaker, Lambda workers, one event loop."""

import asyncio
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from gridwatch.localcloud.adapter import athena, checking, gateway, lambdas, taken_names, templates
from gridwatch.localcloud.adapter.authorization import StrictProfile
from gridwatch.localcloud.adapter.batch import add_batch
from gridwatch.localcloud.adapter.faults import FaultyDoor
from gridwatch.localcloud.adapter.interruptions import InterruptingDoor
from gridwatch.localcloud.adapter.keeping import Keeper, StateFolder, UnreadableStateError
from gridwatch.localcloud.adapter.mailbox import MAILS, Mailbox
from gridwatch.localcloud.adapter.sessions import role_session
from gridwatch.localcloud.adapter.showing import TROUBLES, ShowingDoor
from gridwatch.localcloud.adapter.usage import CountingDoor, Usage
from gridwatch.localcloud.assets import AssetError
from gridwatch.localcloud.batch.service import Batch, RegionalBatch
from gridwatch.localcloud.deploy import DeployError, deploy
from gridwatch.localcloud.guard import Guard
from gridwatch.localcloud.lambda_code import CodeCache
from gridwatch.localcloud.sagemaker.images import ImageMap
from gridwatch.localcloud.sagemaker.platform import Platform
from gridwatch.localcloud.sagemaker.service import RegionalSageMaker, SageMaker
from gridwatch.localcloud.server_settings import ServerSettings
from gridwatch.localcloud.troubles import Troubles

_FORCED_EXIT_AFTER = 8.0


class RunningCloud:
    """The parts of one running cloud, wired together."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        images: ImageMap,
        listener: socket.socket,
        scratch: Path,
        log: Path,
        guard: Guard,
    ) -> None:
        self._settings = settings
        self._images = images
        self._listener = listener
        self._scratch = scratch
        self._guard = guard
        self._endpoint = f"http://{settings.host}:{listener.getsockname()[1]}"
        self._log = log
        self._troubles = Troubles(os.dup(sys.stderr.fileno()))
        self._sagemaker = SageMaker(self._regional)
        self._batch = Batch(lambda account, region: RegionalBatch(self._platform(account, region)))
        self._mailbox = Mailbox()
        self._folder: StateFolder | None = None
        self._keeper: Keeper | None = None

    async def serve(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave, stop)
        if self._settings.follow_stdin:
            threading.Thread(target=_await_parent, args=(loop, lambda: self._leave(stop)), daemon=True).start()
        self._plug_in()
        try:
            await gateway.serve(self._listener.fileno(), self._announce, stop)
        finally:
            if self._keeper is not None:
                self._keeper.save_at_the_end()
            # Before the loop waits for its threads: some of them wait for the processes that end here.
            self._guard.close()

    def _plug_in(self) -> None:
        gateway.add_sagemaker(self._sagemaker.handle)
        gateway.on_reset(self._sagemaker.forget)
        batch = self._batch
        add_batch(batch)
        gateway.complete_s3_events()
        athena.improve_athena()
        checking.check_requests()
        templates.check_templates()
        taken_names.refuse_taken_names()
        lambdas.deliver_asynchronously()
        lambdas.poll_queues_at_once()
        cache = CodeCache((self._settings.state_dir or self._scratch) / "lambda-code")
        usage = Usage()
        lambdas.improve_workers(
            cache,
            self._guard,
            self._settings.workers_per_function,
            usage.invocation,
            self._troubles,
            limited=self._settings.lambda_limits,
        )
        InterruptingDoor(self._sagemaker.interrupt).install()
        FaultyDoor(lambdas.kill_worker).install()
        CountingDoor(usage, lambdas.function_of).install()
        mailbox = self._mailbox
        mailbox.install()
        ShowingDoor(MAILS, mailbox.as_json).install()
        ShowingDoor(TROUBLES, lambda _: self._troubles.as_json()).install()
        gateway.on_reset(mailbox.forget)
        gateway.on_reset(self._troubles.forget)
        if self._settings.persist and self._settings.state_dir:
            self._folder = StateFolder(self._settings.state_dir.resolve())
            self._folder.take()
            self._keeper = Keeper(self._folder, self._own_state, self._listener.fileno())
            self._keeper.install()
        if self._settings.strict:
            StrictProfile({"batch": batch.tags_of, "sagemaker": self._sagemaker.tags_of}).install()

    def _own_state(self) -> Mapping[str, Any]:
        """The state of the services that are not MiniStack's."""
        return {
            "sagemaker": self._sagemaker.state(),
            "batch": self._batch.state(),
            "mails": self._mailbox.after(0, None),
        }

    def _go_on(self, own: Mapping[str, Any]) -> None:
        """Load the kept state. The machines of jobs that ran then are gone."""
        gateway.readdress_queues()
        self._mailbox.restore(own.get("mails", ()))
        self._batch.restore(own.get("batch", {}))
        self._sagemaker.restore(own.get("sagemaker", {}))

    def _leave(self, stop: asyncio.Event) -> None:
        stop.set()
        # Whatever hangs: the guard kills the children once this process is gone.
        timer = threading.Timer(_FORCED_EXIT_AFTER, os._exit, args=(1,))
        timer.daemon = True
        timer.start()

    def _announce(self) -> None:
        threading.Thread(target=self._deploy_and_announce, daemon=True).start()

    def _deploy_and_announce(self) -> None:
        ready: dict[str, Any] = {
            "endpoint": self._endpoint,
            "region": self._settings.region,
            "account": self._settings.account,
        }
        try:
            if self._folder is not None and self._keeper is not None:
                self._folder.take_up(self._go_on)
                self._keeper.begin()
            for template in self._settings.templates:
                ready["outputs"] = ready.get("outputs", {}) | deploy(template, self._endpoint, region=ready["region"])
        except (AssetError, DeployError, ClientError, UnreadableStateError) as error:
            sys.stderr.write(f"localcloud: {error}\n")
            os.kill(os.getpid(), signal.SIGTERM)
            return
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        # Nobody reads the pipes from now on: what is still written must not block.
        target = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(target, sys.stderr.fileno())

    def _regional(self, account: str, region: str) -> RegionalSageMaker:
        return RegionalSageMaker(self._images, self._platform(account, region))

    def _platform(self, account: str, region: str) -> Platform:
        making = threading.Lock()

        def credentials(role: str) -> Mapping[str, str]:
            return role_session(role, account, region) if role and self._settings.strict else keys

        keys = gateway.session_credentials(account)
        session = boto3.session.Session(region_name=region)

        @cache
        def make(service: str, role: str) -> Any:
            # All jobs share it: a client of its own would cost each of them 0.1 s and 10 MB.
            config = Config(max_pool_connections=64, retries={"mode": "standard", "total_max_attempts": 5})
            signed_by: Any = {name.lower(): value for name, value in credentials(role).items()}
            return session.client(service, endpoint_url=self._endpoint, config=config, **signed_by)

        def client_as(service: str, role: str) -> Any:
            with making:
                return make(service, role if self._settings.strict else "")

        def put_event(entry: Mapping[str, Any]) -> None:
            gateway.put_event(account, region, entry)

        return Platform(
            account=account,
            region=region,
            endpoint=self._endpoint,
            scratch=self._scratch,
            mlflow_stores=(self._settings.state_dir or self._scratch).resolve() / "mlflow",
            guard=self._guard,
            settings=self._settings.jobs,
            client=lambda service: client_as(service, ""),
            client_as=client_as,
            put_event=put_event,
            has_role=lambda role: gateway.role_trusts(role, "sagemaker.amazonaws.com"),
            has_objects=gateway.has_objects,
            credentials=credentials,
            limits=self._settings.limits,
        )


def _await_parent(loop: asyncio.AbstractEventLoop, leave: Callable[[], None]) -> None:
    """Wait for the parent's end: standard input is a pipe that only the parent holds."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    loop.call_soon_threadsafe(leave)
