"""The local cloud's process: MiniStack with our SageMaker in it, until told to stop."""

import asyncio
import logging
import tempfile
from pathlib import Path

from gridwatch.localcloud.adapter.environment import prepare_environment
from gridwatch.localcloud.guard import Guard
from gridwatch.localcloud.ports import listening
from gridwatch.localcloud.sagemaker.images import ImageMap
from gridwatch.localcloud.server_settings import ServerSettings


def run(settings: ServerSettings) -> int:
    """Serve until SIGTERM, SIGINT or, with ``follow_stdin``, the end of standard input. Prints one line when ready."""
    images = ImageMap.load(settings.images)
    listener = listening(settings.host, settings.port)
    port = listener.getsockname()[1]
    scratch = Path(tempfile.mkdtemp(prefix="localcloud-", dir=settings.state_dir))
    log = (settings.state_dir or scratch) / "localcloud.log"
    _log_to(log)
    guard = Guard.start(scratch)
    kept = settings.state_dir.resolve() if settings.persist and settings.state_dir else None
    try:
        prepare_environment(
            settings.host, port, settings.region, settings.account, scratch, strict=settings.strict, kept=kept
        )
        # MiniStack reads the environment while it is imported, so this import comes after.
        from gridwatch.localcloud.running import RunningCloud  # noqa: PLC0415

        asyncio.run(
            RunningCloud(settings, images=images, listener=listener, scratch=scratch, log=log, guard=guard).serve()
        )
    finally:
        guard.close()
    return 0


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(filename=path, level=logging.INFO, format=form, force=True)
