"""The experiment spec as a pydantic model. Its field descriptions are what editors show, by way of the JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from gridwatch.spec.judgement import AuditField, DoomedRegions, StoppingField, with_dial
from gridwatch.spec.parts.algorithm import Algorithm
from gridwatch.spec.parts.checkpoints import Checkpoints
from gridwatch.spec.parts.compute import Resources
from gridwatch.spec.parts.data import Channel
from gridwatch.spec.parts.debugger import Collection, Debugger, Engine, Evaluator, OnIssue, RuleAction
from gridwatch.spec.parts.distribution import Distribution
from gridwatch.spec.parts.incremental import StartFrom
from gridwatch.spec.parts.preflight import Preflight
from gridwatch.spec.parts.preprocessing import Preprocessing
from gridwatch.spec.parts.repair import Repair
from gridwatch.spec.parts.search import Search
from gridwatch.spec.parts.section import (
    ChannelName,
    ClassName,
    CollectionName,
    ExperimentName,
    HyperparameterName,
    RuleName,
    Section,
    TagKey,
    TagValue,
)
from gridwatch.spec.parts.tracking import Tracking
from gridwatch.spec.parts.tune import Tune
from gridwatch.spec.parts.watching import WatchingField
from gridwatch.spec.ready_rules import refuse_word, written_out
from gridwatch.spec.values import GridValue, Moment, RuleParameter, StaticValue

EXPRESSION = "Expression"  # the rule that `when` stands for
MAX_TRIALS = 10_000  # a spec may raise its limit up to here

Mode = Literal["live", "shadow"]
HookWish = Literal["auto", "off", "own"]


class Hypothesis(Section):
    """What the experiment is to show."""

    text: Annotated[str, Field(min_length=1, max_length=4_000, description="the claim, in words")]
    expression: Annotated[
        str | None, Field(max_length=1_000, description="a CEL expression over the results that is true when it holds")
    ] = None


class Objective(Section):
    """What makes one trial better than another."""

    metric: Annotated[
        str, Field(min_length=1, max_length=255, description="as the training job reports it, such as validation-error")
    ]
    direction: Annotated[Literal["minimize", "maximize"], Field(description="which way is better")]


class RuleUse(Section):
    """A rule that watches every job of the experiment: `rule`, or `when`, or `source` and `class`."""

    rule: Annotated[
        str | None, Field(min_length=1, max_length=64, description="its name in `gridwatch rules list`")
    ] = None
    when: Annotated[
        str | None,
        Field(min_length=1, max_length=2_000, description="a CEL expression: the rule Expression, which fires when so"),
    ] = None
    source: Annotated[
        str | None,
        Field(max_length=1_024, description="of your own rule: s3://bucket/path/file.py, or path/file.py below code/"),
    ] = None
    class_: Annotated[ClassName | None, Field(alias="class", description="of your own rule: its class in the file")] = (
        None
    )
    name: Annotated[RuleName | None, Field(description="when one rule is used twice; otherwise the rule's own")] = None
    parameters: dict[str, RuleParameter] = Field(default_factory=dict, max_length=100)
    on_issue: Annotated[OnIssue, Field(description="stop the job and tell; only tell; only record")] = "alert"
    protect: Annotated[bool, Field(description="never stop a job because of this rule, whatever on_issue says")] = False
    mode: Annotated[Mode | None, Field(description="of this rule, in place of the whole spec's")] = None
    evaluator: Annotated[
        Evaluator | None, Field(description="of your own rule: Debugger evaluates it, on this machine of SageMaker's")
    ] = None
    actions: Annotated[
        list[RuleAction] | None, Field(min_length=1, max_length=5, description="what Debugger itself does")
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _is_no_word(cls, entry: Any) -> Any:
        return refuse_word(entry)

    @property
    def rule_class(self) -> str:
        """The rule's class, in the catalogue or in the rule's own file."""
        return self.rule or self.class_ or EXPRESSION

    @property
    def title(self) -> str:
        """The name under which the rule's status is told, unique in the spec."""
        return self.name or self.rule_class

    @property
    def all_parameters(self) -> dict[str, Any]:
        return {**self.parameters, **({"expression": self.when} if self.when is not None else {})}


class Limits(Section):
    """How much of the account one experiment may take."""

    parallel_jobs: Annotated[int, Field(ge=1, le=1_000, description="training jobs at one time")] = 4
    trials: Annotated[int, Field(ge=1, le=MAX_TRIALS, description="a larger grid is refused")] = 1_000
    deadline: Annotated[Moment | None, Field(description="nothing is launched from then on; with its time zone")] = None
    budget: Annotated[
        float | None,
        Field(gt=0, le=1e9, description="of all jobs, in the price table's currency; then no more are launched"),
    ] = None
    max_failures: Annotated[
        int | None,
        Field(
            ge=1,
            le=1_000,
            description="after so many failures of one kind in a row the rest waits; without it after 3, as long as no "
            "trial has come through",
        ),
    ] = None


def _as_hypothesis(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class ExperimentSpec(Section):
    """An experiment: what is trained, over which grid, and how it is watched."""

    _with_dial = model_validator(mode="before")(with_dial)

    name: Annotated[ExperimentName, Field(description="letters, digits and hyphens; the experiment's identity")]
    hypothesis: Annotated[
        Hypothesis | None,
        BeforeValidator(_as_hypothesis, json_schema_input_type=str | Hypothesis | None),
        Field(description="what the experiment is to show"),
    ] = None
    objective: Objective
    owner: Annotated[TagValue | None, Field(description="who is asked about it")] = None
    team: TagValue | None = None
    tags: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=40, description="on every training job")
    algorithm: Algorithm
    data: Annotated[
        dict[ChannelName, Channel],
        Field(max_length=19, description="channels by name; a script that finds its data itself needs none"),
    ] = Field(default_factory=dict)
    preprocessing: Annotated[
        Preprocessing | None, Field(description="what was done to the data before, for SageMaker's experiments")
    ] = None
    hyperparameters: Annotated[dict[HyperparameterName, StaticValue], Field(description="the same for every trial")] = (
        Field(default_factory=dict)
    )
    grid: Annotated[
        dict[HyperparameterName, Annotated[list[GridValue], Field(min_length=1)]] | None,
        Field(min_length=1, description="every combination is one trial; the last key varies fastest"),
    ] = None
    search: Annotated[Search | None, Field(description="points beside the grid's")] = None
    tune: Annotated[Tune | None, Field(description="SageMaker chooses the points, in place of grid and search")] = None
    resources: Resources = Field(default_factory=Resources)
    distribution: Annotated[Distribution | None, Field(description="over several processors, one way of these")] = None
    checkpoints: Annotated[Checkpoints | None, Field(description="to go on after an interruption")] = None
    start_from: Annotated[StartFrom | None, Field(description="an earlier model to go on from")] = None
    collect: Annotated[
        dict[CollectionName, Collection],
        Field(
            max_length=20, description="tensor collections to save; what the rules need is saved without being asked"
        ),
    ] = Field(default_factory=dict)
    rules: Annotated[
        list[RuleUse], Field(max_length=20, description="what watches every job"), BeforeValidator(written_out)
    ] = Field(default_factory=list)
    engine: Annotated[
        Engine,
        Field(description="who evaluates the rules; auto: SageMaker's own Debugger where the account has it"),
    ] = "gridwatch"
    hook: Annotated[
        HookWish,
        Field(description="auto: bring Gridwatch's hook into the jobs of scripts; own: the script has it; off: none"),
    ] = "auto"
    debugger: Annotated[Debugger, Field(description="what Debugger is told beyond collect and rules")] = Field(
        default_factory=Debugger
    )
    mode: Annotated[Mode, Field(description="shadow: tell what would have been stopped, and stop nothing")] = "live"
    stopping: StoppingField = None
    audit: AuditField = None
    watching: WatchingField = None
    doomed_regions: Annotated[
        DoomedRegions | None,
        Field(description="spare the points that wait where trials fail; off when it is not there"),
    ] = None
    limits: Limits = Field(default_factory=Limits)
    preflight: Preflight = Field(default_factory=Preflight)
    tracking: Annotated[Tracking, Field(description="where else the trials are written down")] = Field(
        default_factory=Tracking
    )
    repair: Annotated[Repair | None, Field(description="train once more, with one change, what a rule stopped")] = None
    revision: Annotated[int, Field(ge=0, le=1_000_000, description="raise it to train every point once more")] = 0
    priority: Annotated[int, Field(ge=-100, le=100, description="higher waits less")] = 0
