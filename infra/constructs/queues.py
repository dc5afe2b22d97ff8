"""The queues between the functions, each with a dead-letter queue of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.settings import DeploymentSettings

# The longest that SQS keeps a message. Somebody must look at a dead letter within two weeks.
DEAD_LETTER_RETENTION = cdk.Duration.days(14)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueShape:
    """The properties of one queue. `visibility_seconds` is six times its function's timeout, as Lambda advises."""

    visibility_seconds: int
    max_receive_count: int
    fifo: bool = False
    delay_seconds: int = 0


SHAPES = {
    # There is one message group, so one call at a time. The visibility timeout is less than six timeouts, because a
    # call that dies blocks launching for as long.
    "start": QueueShape(visibility_seconds=100, max_receive_count=5, fifo=True),
    "track": QueueShape(visibility_seconds=180, max_receive_count=10),
    "evaluate": QueueShape(visibility_seconds=360, max_receive_count=5),
    "slow": QueueShape(visibility_seconds=1080, max_receive_count=5),
    # SageMaker allows one stop a second, so a throttled stop comes back many times before it is given up.
    "reactions": QueueShape(visibility_seconds=360, max_receive_count=50),
    "alerts": QueueShape(visibility_seconds=180, max_receive_count=50),
    # A webhook that is down for two hours still gets its messages.
    "webhooks": QueueShape(visibility_seconds=360, max_receive_count=20),
    # The delay after a job's end lets the tables include the last evaluation of its rules.
    "snapshot": QueueShape(visibility_seconds=1800, max_receive_count=5, delay_seconds=5),
}


class Queues(Construct):
    """Every queue by its name, and two dead-letter queues for events that could not be delivered or handled without a
    queue.
    """

    def __init__(self, scope: Construct, name: str, *, settings: DeploymentSettings, key: kms.IKey | None) -> None:
        super().__init__(scope, name)
        self._prefix = settings.name_prefix
        self._key = key
        shapes = {queue: shape for queue, shape in SHAPES.items() if queue != "webhooks" or settings.webhooks}
        self._dead: dict[str, sqs.Queue] = {}
        self._by_name = {queue: self._with_dead_letters(queue, shape) for queue, shape in shapes.items()}
        self.undelivered_events = self._dead_letters("undelivered-events")
        self.failed_invocations = self._dead_letters("failed-invocations")

    @property
    def by_name(self) -> Mapping[str, sqs.Queue]:
        """The queues that functions read, by name."""
        return self._by_name

    def __getitem__(self, name: str) -> sqs.Queue:
        return self._by_name[name]

    @property
    def dead_letters(self) -> Mapping[str, sqs.Queue]:
        """All dead-letter queues, by the queue's name without the deployment's prefix."""
        of_queues = {f"{name}-dead": queue for name, queue in self._dead.items()}
        return of_queues | {
            "undelivered-events": self.undelivered_events,
            "failed-invocations": self.failed_invocations,
        }

    def dead_letters_of(self, name: str) -> sqs.Queue:
        return self._dead[name]

    def _with_dead_letters(self, name: str, shape: QueueShape) -> sqs.Queue:
        self._dead[name] = self._dead_letters(f"{name}-dead", fifo=shape.fifo)
        return self._queue(
            name,
            fifo=shape.fifo,
            visibility_timeout=cdk.Duration.seconds(shape.visibility_seconds),
            retention_period=DEAD_LETTER_RETENTION,
            delivery_delay=cdk.Duration.seconds(shape.delay_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                max_receive_count=shape.max_receive_count,
                queue=self._dead[name],
            ),
        )

    def _dead_letters(self, name: str, *, fifo: bool = False) -> sqs.Queue:
        return self._queue(name, fifo=fifo, retention_period=DEAD_LETTER_RETENTION)

    def _queue(
        self,
        name: str,
        *,
        fifo: bool,
        retention_period: cdk.Duration,
        visibility_timeout: cdk.Duration | None = None,
        delivery_delay: cdk.Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            "".join(word.capitalize() for word in name.split("-")),
            queue_name=f"{self._prefix}-{name}{'.fifo' if fifo else ''}",
            fifo=True if fifo else None,
            content_based_deduplication=True if fifo else None,
            encryption=sqs.QueueEncryption.KMS if self._key else sqs.QueueEncryption.SQS_MANAGED,
            encryption_master_key=self._key,
            enforce_ssl=True,
            retention_period=retention_period,
            visibility_timeout=visibility_timeout,
            delivery_delay=delivery_delay,
            dead_letter_queue=dead_letter_queue,
        )
