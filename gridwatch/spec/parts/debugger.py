"""The sections about what is saved of a training job for the rules, and about further settings of SageMaker Debugger.

`Configuration` is Debugger's own JSON, as CreateTrainingJob takes it, DescribeTrainingJob returns it and the SageMaker
SDK's objects make it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gridwatch.spec.parts.section import GivenName, Section

Reduction = Literal["min", "max", "median", "mean", "std", "variance", "sum", "prod", "l1", "l2",
                    "abs_min", "abs_max", "abs_median", "abs_mean", "abs_std", "abs_variance", "abs_sum", "abs_prod",
                    "abs_l1", "abs_l2"]  # fmt: skip
Engine = Literal["gridwatch", "debugger", "auto"]
OnIssue = Literal["stop", "alert", "record"]
Interval = Literal[100, 200, 500, 1_000, 5_000, 60_000]


def _as_text(value: Any) -> Any:
    """The value as text, which Debugger's parameters are: numbers and booleans as it reads them."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[
    str,
    BeforeValidator(_as_text, json_schema_input_type=str | int | float | bool),
    Field(max_length=256),
]
Key = Annotated[str, Field(min_length=1, max_length=256)]
S3Place = Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$", max_length=1_024)]
Folder = Annotated[str, Field(pattern=r"^/", max_length=4_096)]
MachineType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$", max_length=64)]


class Collection(Section):
    """What of one tensor collection is saved, in the terms of Debugger's CollectionConfiguration."""

    save_interval: Annotated[int | None, Field(ge=1, description="save every so many steps")] = None
    save_steps: Annotated[list[Annotated[int, Field(ge=0)]] | None, Field(min_length=1, max_length=40)] = None
    start_step: Annotated[int | None, Field(ge=0)] = None
    end_step: Annotated[int | None, Field(ge=1)] = None
    include_regex: Annotated[str | None, Field(min_length=1, max_length=256, description="tensors, by name")] = None
    reductions: Annotated[list[Reduction] | None, Field(min_length=1, description="save these of each tensor")] = None
    save_raw_tensor: Annotated[bool | None, Field(description="beside reductions, the tensor whole")] = None


class Evaluator(Section):
    """The machine on which SageMaker runs a rule of your own, and bills it."""

    instance_type: Annotated[MachineType, Field(description="such as ml.m5.large")]
    volume_gb: Annotated[int, Field(ge=1, le=16_384)] = 10


class RuleAction(Section):
    """What Debugger itself does when the rule fires, in its own words."""

    name: Annotated[Literal["stoptraining", "email", "sms"], Field(description="stop the job, mail, or message")]
    training_job_prefix: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9-]+$", max_length=63, description="of stoptraining; else the job's name")
    ] = None
    endpoint: Annotated[str | None, Field(min_length=3, max_length=128, description="of email and sms")] = None


class ProfilerSettings(Section):
    """Debugger's profiler; it is on as well when a rule looks at the machine."""

    interval: Annotated[Interval, Field(description="milliseconds between two samples of the machine")] = 500
    parameters: Annotated[
        dict[Key, Text], Field(max_length=20, description="ProfilingParameters: the framework's metrics")
    ] = Field(default_factory=dict)


class TensorBoardOutput(Section):
    """A folder of the container that is kept in S3 for TensorBoard."""

    uri: Annotated[S3Place | None, Field(description="only with a role of your own; else beside the job's tensors")] = (
        None
    )
    path: Annotated[Folder | None, Field(description="default /opt/ml/output/tensorboard")] = None


class _Spelled(Section):
    """A section in SageMaker's spelling of the names."""


class CollectionConfiguration(_Spelled):
    name: Annotated[GivenName, Field(alias="CollectionName")]
    parameters: Annotated[dict[Key, Text], Field(alias="CollectionParameters", max_length=20)] = Field(
        default_factory=dict
    )


class HookConfiguration(_Spelled):
    s3_output_path: Annotated[S3Place | None, Field(alias="S3OutputPath")] = None
    local_path: Annotated[Folder | None, Field(alias="LocalPath")] = None
    hook_parameters: Annotated[dict[Key, Text], Field(alias="HookParameters", max_length=20)] = Field(
        default_factory=dict
    )
    collections: Annotated[
        list[CollectionConfiguration], Field(alias="CollectionConfigurations", max_length=20)
    ] = Field(default_factory=list)  # fmt: skip


class RuleConfiguration(_Spelled):
    name: Annotated[GivenName, Field(alias="RuleConfigurationName")]
    image: Annotated[str | None, Field(alias="RuleEvaluatorImage", max_length=255)] = None
    parameters: Annotated[dict[Key, Text], Field(alias="RuleParameters", max_length=100)] = Field(default_factory=dict)
    instance_type: Annotated[MachineType | None, Field(alias="InstanceType")] = None
    volume_gb: Annotated[int | None, Field(alias="VolumeSizeInGB", ge=0)] = None
    local_path: Annotated[Folder | None, Field(alias="LocalPath")] = None
    s3_output_path: Annotated[S3Place | None, Field(alias="S3OutputPath")] = None


class ProfilerConfiguration(_Spelled):
    s3_output_path: Annotated[S3Place | None, Field(alias="S3OutputPath")] = None
    interval: Annotated[Interval | None, Field(alias="ProfilingIntervalInMilliseconds")] = None
    parameters: Annotated[dict[Key, Text], Field(alias="ProfilingParameters", max_length=20)] = Field(
        default_factory=dict
    )
    disabled: Annotated[bool, Field(alias="DisableProfiler")] = False


class TensorBoardConfiguration(_Spelled):
    s3_output_path: Annotated[S3Place | None, Field(alias="S3OutputPath")] = None
    local_path: Annotated[Folder | None, Field(alias="LocalPath")] = None


class Configuration(_Spelled):
    """Debugger's own JSON."""

    hook: Annotated[HookConfiguration | None, Field(alias="DebugHookConfig")] = None
    rules: Annotated[list[RuleConfiguration], Field(alias="DebugRuleConfigurations", max_length=20)] = Field(
        default_factory=list
    )
    profiler: Annotated[ProfilerConfiguration | None, Field(alias="ProfilerConfig")] = None
    profiler_rules: Annotated[
        list[RuleConfiguration], Field(alias="ProfilerRuleConfigurations", max_length=20)
    ] = Field(default_factory=list)  # fmt: skip
    tensorboard: Annotated[TensorBoardConfiguration | None, Field(alias="TensorBoardOutputConfig")] = None

    @property
    def all_rules(self) -> list[RuleConfiguration]:
        return [*self.rules, *self.profiler_rules]


class Debugger(Section):
    """What SageMaker's own Debugger is told beyond `collect` and `rules`."""

    hook_parameters: Annotated[dict[Key, Text], Field(max_length=20, description="HookParameters")] = Field(
        default_factory=dict
    )
    path: Annotated[Folder | None, Field(description="of the tensors in the container")] = None
    profiler: Annotated[ProfilerSettings | None, Field(description="Debugger's profiler")] = None
    tensorboard: Annotated[TensorBoardOutput | None, Field(description="TensorBoardOutputConfig")] = None
    configuration: Annotated[Configuration | None, Field(description="Debugger's own JSON, as it is")] = None
    on_issue: Annotated[
        dict[GivenName, OnIssue],
        Field(max_length=40, description="of the configuration's rules, by RuleConfigurationName; default alert"),
    ] = Field(default_factory=dict)
