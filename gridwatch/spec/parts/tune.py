"""The section about Automatic Model Tuning: SageMaker chooses the points by the results of earlier ones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from gridwatch.spec.parts.algorithm import Algorithm, MetricName
from gridwatch.spec.parts.compute import Resources
from gridwatch.spec.parts.search import MAX_SEED, Bounds, IntegerBounds
from gridwatch.spec.parts.section import HyperparameterName, Section
from gridwatch.spec.values import GridValue, Seconds, StaticValue

MAX_JOBS = 10_000  # of random search after a raised quota; every other strategy has 750
MAX_PARALLEL_JOBS = 100  # of one tuning job, after a raised quota
MAX_ALGORITHMS = 10  # CreateHyperParameterTuningJob, TrainingJobDefinitions

Strategy = Literal["bayesian", "random", "grid", "hyperband"]
Scaling = Literal["auto", "linear", "log", "reverse_log"]
# HyperParameterTuningJobName, and HyperParameterTrainingJobDefinitionName.
TuningJobName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", min_length=1, max_length=32)]
DefinitionName = Annotated[
    str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", min_length=1, max_length=64)
]


class Range(Section):
    """What one hyperparameter is chosen from: exactly one of continuous, integer, categorical and auto."""

    continuous: Annotated[Bounds | None, Field(description="any number between the two")] = None
    integer: Annotated[IntegerBounds | None, Field(description="a whole number, both ends included")] = None
    categorical: Annotated[
        list[GridValue] | None, Field(min_length=1, max_length=30, description="one of these, at most 30")
    ] = None
    auto: Annotated[
        GridValue | None, Field(description="with autotune: an example value, around which SageMaker chooses the range")
    ] = None
    scaling: Annotated[
        Scaling | None, Field(description="of numbers: how the range is walked; SageMaker decides when it is left out")
    ] = None

    @property
    def kinds(self) -> list[str]:
        """Which of the four kinds the range has; exactly one in a valid spec."""
        return [kind for kind in ("continuous", "integer", "categorical", "auto") if getattr(self, kind) is not None]

    @property
    def ends(self) -> list[Any]:
        """Both ends of a range of numbers, every category, or the example."""
        return [value for kind in self.kinds for value in ([self.auto] if kind == "auto" else getattr(self, kind))]


Ranges = dict[HyperparameterName, Range]


class TunedAlgorithm(Section):
    """One of several algorithms in a tuning job. What it leaves out is as the rest of the spec says."""

    parameters: Annotated[Ranges, Field(min_length=1, description="its own ranges, by hyperparameter")]
    algorithm: Algorithm | None = None
    hyperparameters: Annotated[
        dict[HyperparameterName, StaticValue], Field(description="beside and in place of the spec's own")
    ] = Field(default_factory=dict)
    metric: Annotated[MetricName | None, Field(description="its objective, in place of the spec's")] = None
    resources: Resources | None = None


class WarmStart(Section):
    """Earlier tuning jobs whose results this one begins with."""

    from_: Annotated[
        list[TuningJobName], Field(alias="from", min_length=1, max_length=5, description="names of tuning jobs")
    ]
    type: Annotated[
        Literal["identical", "transfer"],
        Field(description="identical: the same data and algorithm; transfer: other data, image or hyperparameters"),
    ]


class Completion(Section):
    """When the tuning job ends before all of its jobs were launched: whichever comes first."""

    target: Annotated[float | None, Field(description="the objective is as good as this")] = None
    not_improving: Annotated[
        int | None, Field(ge=3, le=MAX_JOBS, description="so many jobs did not better the best one by 1%")
    ] = None
    converged: Annotated[bool, Field(description="SageMaker finds that further jobs are hardly better")] = False


class Hyperband(Section):
    """What a job may take under this strategy, in epochs or what else the objective is reported by."""

    min: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    max: Annotated[int | None, Field(ge=1, le=1_000_000)] = None


class Tune(Section):
    """A tuning job of SageMaker in place of grid and search; limits.parallel_jobs holds for it."""

    parameters: Annotated[Ranges, Field(description="what is tuned, by hyperparameter")] = Field(default_factory=dict)
    algorithms: Annotated[
        dict[DefinitionName, TunedAlgorithm],
        Field(max_length=MAX_ALGORITHMS, description="several in one tuning job, each with ranges of its own"),
    ] = Field(default_factory=dict)
    autotune: Annotated[
        bool, Field(description="SageMaker chooses what is left out: ranges that are auto, jobs, early stopping")
    ] = False
    strategy: Annotated[Strategy, Field(description="how the next point is chosen")] = "bayesian"
    hyperband: Annotated[Hyperband | None, Field(description="of the strategy hyperband")] = None
    jobs: Annotated[
        int | None, Field(ge=1, le=MAX_JOBS, description="training jobs in all; the strategy grid counts its own")
    ] = None
    max_runtime: Annotated[Seconds | None, Field(description="of the tuning job; from 2 minutes")] = None
    early_stopping: Annotated[
        bool, Field(description="SageMaker stops jobs that are unlikely to better the finished ones")
    ] = False
    seed: Annotated[int | None, Field(ge=0, le=MAX_SEED, description="for points that come again more alike")] = None
    warm_start: WarmStart | None = None
    completion: Completion | None = None
