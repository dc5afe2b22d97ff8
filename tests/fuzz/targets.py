"""The targets: everything that takes untrusted input, each as a function of bytes that returns True for accepted, False
for refused with a clear error.

Any other exception is a defect, as is an answer that nobody should be shown or that AWS would refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from gridwatch.launch.plan import Plan, make_plan, waiting_trial
from gridwatch.launch.request import training_request
from gridwatch.launch.template import Inputs
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parse import parse_spec
from gridwatch.spec.problems import SpecError
from gridwatch_rules.clock import SystemClock
from tests.fuzz import conditions, events, files, specs, texts
from tests.fuzz.defects import DefectError, readable
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.service_model import faults
from tests.unit.spec.specs import TODAY


@dataclass(frozen=True, slots=True)
class Target:
    """A target. `make` draws an input; `take` gives it to Gridwatch. `share` of the inputs of a run."""

    make: Callable[[Random], bytes]
    take: Callable[[bytes], bool]
    share: float


def take_spec(content: bytes) -> bool:
    """Take a spec from an upload to the requests that SageMaker would be sent."""
    try:
        parsed = parse_spec(content, today=TODAY)
        plan = make_plan(parsed, DEPLOYMENT, _inputs(parsed.spec))
    except SpecError as error:
        if not error.problems or not all(problem.message for problem in error.problems):
            raise DefectError("refused without a reason") from error
        readable(error.as_text("experiments/x.yaml"))
        return False
    _requests(plan)
    return True


def _inputs(spec: ExperimentSpec) -> Inputs:
    """Inputs as if everything that the spec names existed."""
    return Inputs(
        etags={name: {f"data/{name}.csv": "0" * 32} for name in spec.data},
        source_uri="s3://experiments-bucket/code/sources/0.tar.gz" if spec.algorithm.entry_point else None,
        source_digest="0" * 64,
        model_uri="s3://artifacts-bucket/models/m/model.tar.gz" if spec.start_from else None,
    )


def _requests(plan: Plan) -> None:
    for planned in (*plan.trials[:1], *plan.trials[-1:]):  # none where SageMaker tunes: it makes the points itself
        trial = waiting_trial(planned, plan.spec, SystemClock().now())
        request = training_request(
            plan.template, trial, name_prefix=DEPLOYMENT.name_prefix, artifacts_bucket=DEPLOYMENT.artifacts_bucket
        )
        if found := faults("CreateTrainingJob", request):
            raise DefectError(f"SageMaker would refuse the request: {found[:3]}")


TARGETS = {
    "spec": Target(specs.spec, take_spec, 0.55),
    "tensors": Target(files.tensors, files.take_tensors, 0.1),
    "curves": Target(files.curves, files.take_curves, 0.05),
    "data": Target(files.data, files.take_data, 0.05),
    "document": Target(files.documents, files.take_documents, 0.05),
    "texts": Target(texts.texts, texts.take_texts, 0.05),
    "expression": Target(conditions.expression, conditions.take_expression, 0.03),
    "pattern": Target(conditions.pattern, conditions.take_pattern, 0.02),
    "secret": Target(conditions.secret, conditions.take_secret, 0.02),
    # The last: the account that it plays in takes memory of its own.
    "event": Target(events.event, events.take_event, 0.08),
}
