"""Debugger rules as evaluator processes: one per rule and job, reading the job's tensors while it trains.

The evaluator's contract (docs/localcloud.md): one JSON document on stdin says what to evaluate; each line on stdout
that is a JSON object with ``status`` (or such an object printed with indentation) is the rule's new status; all other
lines are its log.
"""

import json
import logging
import threading
from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud import clock
from gridwatch.localcloud.sagemaker.images import Image
from gridwatch.localcloud.sagemaker.logs import LogStream
from gridwatch.localcloud.sagemaker.platform import Platform
from gridwatch.localcloud.sagemaker.process import JobProcess
from gridwatch.localcloud.sagemaker.records import RuleStatus, TrainingJob
from gridwatch.localcloud.sagemaker.state import JobStore

_LOG = logging.getLogger(__name__)
_FINAL = frozenset({"IssuesFound", "NoIssuesFound", "Error", "Stopped"})
_DETAILS_LIMIT = 1024
# As SageMaker words it (tensorflow/tensorflow#51414).
_SAW_NOTHING = "ClientError: No debugging data was saved by the training job"
GROUP = "/aws/sagemaker/ProcessingJobs"


class RuleRunner:
    """Runs one rule's evaluator and puts its statuses on the job."""

    def __init__(
        self, job: TrainingJob, rule: Mapping[str, Any], image: Image, store: JobStore, platform: Platform
    ) -> None:
        self._job = job
        self._rule = rule
        self._image = image
        self._store = store
        self._platform = platform
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._status = "InProgress"
        self._open: list[str] = []

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"rule-{self._name}", daemon=True)
        self._thread.start()

    def training_ended(self) -> None:
        """Note that no more tensors will come: mark the end for the evaluator, or close the rule that never began."""
        self._ended.set()
        if self._thread is None:
            self._set("Error", f"{_SAW_NOTHING}. The training job ended before the rule was evaluated")

    @property
    def _name(self) -> str:
        name: str = self._rule["RuleConfigurationName"]
        return name

    def _run(self) -> None:
        try:
            self._evaluate()
        except Exception as error:  # noqa: BLE001  (the edge of the rule's thread: its status must say it)
            _LOG.exception("rule %s of %s", self._name, self._job.name)
            self._set("Error", f"InternalServerError: {error}")

    def _evaluate(self) -> None:
        folder = self._platform.scratch / "rules" / f"{self._job.name}-{self._name}"
        folder.mkdir(parents=True)
        log = LogStream.create(
            self._platform.client_as("logs", self._job.request["RoleArn"]),
            GROUP,
            f"{self._evaluation_job}/algo-1-{int(clock.now())}",
        )
        question = self._question()
        home = {"HOME": str(folder), "TMPDIR": str(folder)}
        process = JobProcess.start(
            self._image.evaluator_command(question["rule"], question["tensors"], question["parameters"]),
            environment=self._platform.environment(self._job.request["RoleArn"]) | home,
            folder=folder,
            guard=self._platform.guard,
            on_line=lambda line: self._read(line, log),
            stdin=json.dumps(question),
        )
        deadline = None
        while not process.wait(0.2) and self._status == "InProgress":
            log.flush()
            if self._ended.is_set() and deadline is None:
                deadline = clock.monotonic() + self._platform.settings.rule_grace
            if deadline is not None and clock.monotonic() > deadline:
                break
        running = process.running
        code = process.finish()
        log.flush()
        if self._status == "InProgress":
            silent = f"The evaluator exited with code {code} without a status: {' / '.join(process.tail)}"
            self._set(
                *(("Stopped", "The evaluator did not end with its training job") if running else ("Error", silent))
            )

    def _read(self, line: str, log: LogStream) -> None:
        log.write(line)
        # A JSON object on one line, or one printed with indentation: from a line "{" to a line "}".
        self._open = [*self._open, line] if self._open or line == "{" else []
        text = "".join(self._open) if line == "}" else line
        try:
            said = json.loads(text)
        except ValueError:
            return
        self._open = []
        if isinstance(said, dict) and said.get("status") == "SawNothing":  # which the API does not know
            self._set("Error", f"{_SAW_NOTHING}. {said.get('details', '')}")
        elif isinstance(said, dict) and said.get("status") in _FINAL | {"InProgress"}:
            self._set(said["status"], str(said.get("details", "")))

    def _set(self, status: str, details: str) -> None:
        if self._status in _FINAL:
            return
        self._status = status
        rule = RuleStatus(self._name, self._evaluation_arn, status, details[:_DETAILS_LIMIT], clock.now())
        self._store.update(self._job.name, lambda job: job.with_rule(rule))

    def _question(self) -> dict[str, Any]:
        return {
            "training_job": self._job.name,
            "training_job_arn": self._job.arn,
            "rule_configuration": self._name,
            "rule": self._rule.get("RuleParameters", {}).get("rule_to_invoke", self._name),
            "parameters": {k: v for k, v in self._rule.get("RuleParameters", {}).items() if k != "rule_to_invoke"},
            "tensors": self._job.tensors_uri,
        }

    @property
    def _evaluation_arn(self) -> str:
        return next(rule.evaluation_job_arn for rule in self._job.rules if rule.name == self._name)

    @property
    def _evaluation_job(self) -> str:
        return self._evaluation_arn.rsplit("/", 1)[1]
