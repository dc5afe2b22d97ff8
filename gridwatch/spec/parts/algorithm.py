"""The section about what trains."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gridwatch.spec.parts.section import Section

Framework = Literal["pytorch", "pytorch-smp", "tensorflow", "sklearn", "xgboost", "huggingface"]
MetricName = Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$", max_length=255)]
# Environment of CreateTrainingJob.
VariableName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=512)]
VariableValue = Annotated[str, StringConstraints(max_length=512)]
# AlgorithmSpecification, TrainingImage.
ImageAddress = Annotated[str, StringConstraints(pattern=r"^\S+$", min_length=1, max_length=255)]
# TrainingRepositoryAuthConfig, TrainingRepositoryCredentialsProviderArn.
FunctionArn = Annotated[
    str, StringConstraints(pattern=r"^arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:[0-9]{12}:function:\S+$", max_length=2_048)
]
LocalPath = Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$", max_length=1_024)]


class Registry(Section):
    """A private registry of containers, reached through `resources.network`."""

    credentials: Annotated[
        FunctionArn | None, Field(description="the Lambda function that hands them out; none for an open registry")
    ] = None


class Algorithm(Section):
    """What trains: `name` (built in), or `framework` with a script, or an `image` of your own."""

    name: Annotated[
        str | None, Field(max_length=64, description="xgboost, or another of SageMaker's built-in algorithms")
    ] = None
    framework: Annotated[
        Framework | None,
        Field(description="whose image runs entry_point; pytorch-smp: with SageMaker's model parallel library 2"),
    ] = None
    image: Annotated[ImageAddress | None, Field(description="any image that can train, by its address")] = None
    version: Annotated[str | None, Field(max_length=32, description="of AWS's image, such as 3.2-0")] = None
    entry_point: Annotated[LocalPath | None, Field(description="the script, in source")] = None
    source: Annotated[
        LocalPath | None,
        Field(description="the script's folder beside the spec, which submit packs and uploads; or s3://….tar.gz"),
    ] = None
    dependencies: Annotated[
        list[LocalPath], Field(max_length=20, description="further files and folders beside the spec, put at its root")
    ] = Field(default_factory=list)
    metrics: Annotated[
        dict[MetricName, Annotated[str, Field(min_length=1, max_length=500)]],
        Field(max_length=40, description="metric to the regular expression that finds it in the log, in a group"),
    ] = Field(default_factory=dict)
    environment: Annotated[dict[VariableName, VariableValue], Field(max_length=80)] = Field(default_factory=dict)
    registry: Annotated[Registry | None, Field(description="of an image of your own that lies in no ECR")] = None
    command: Annotated[
        list[Annotated[str, Field(max_length=256)]] | None,
        Field(min_length=1, max_length=10, description="in place of the image's own, of an image of your own"),
    ] = None
    arguments: Annotated[list[Annotated[str, Field(max_length=256)]] | None, Field(min_length=1, max_length=100)] = None

    @property
    def is_own_xgboost(self) -> bool:
        """Whether Gridwatch's own script trains SageMaker's XGBoost, whose hyperparameters, metrics and tensors are
        known.
        """
        return self.name == "xgboost"

    @property
    def trained_with(self) -> str | None:
        """The framework whose image it is."""
        return "xgboost" if self.is_own_xgboost else self.framework

    @property
    def title(self) -> str:
        """The algorithm's name in messages."""
        return " ".join(part for part in (self.name or self.framework or self.image, self.version) if part)

    @property
    def has_local_source(self) -> bool:
        """Whether there is code beside the spec, which must be packed before anything is launched."""
        return self.entry_point is not None and not (self.source or "").startswith("s3://")
