"""Says in words what Gridwatch will see of an experiment's jobs, and what not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch.launch.carrier import Bringing, HookUse

if TYPE_CHECKING:
    from gridwatch.launch.plan import Plan

_TORCH = (
    "the loss of each step, its time, learning rate, samples a second and memory",
    "the norm of the gradients where the script clips them",
    "weights, biases, gradients and activations of modules, as collect and the rules ask for them",
    "what Hugging Face's Trainer, Lightning, TensorBoard, MLflow and Weights & Biases are given",
)
_KERAS = ("loss and metrics of Keras 3, with variables and gradients where its backend is PyTorch",)
_BOOSTING = ("the evaluation metrics of each round of xgboost.train and of its scikit-learn classes, and its tensors",)
_SKLEARN = (
    "the loss of multilayer perceptrons, and that of gradient boosting once it is fitted",
    "rounds of XGBoost and LightGBM where the script trains them",
)
_SEES: Mapping[str, tuple[str, ...]] = {
    "pytorch": _TORCH,
    "pytorch-smp": _TORCH,
    "huggingface": _TORCH,
    "tensorflow": (*_KERAS, "what is written for TensorBoard by PyTorch's writer"),
    "xgboost": _BOOSTING,
    "sklearn": _SKLEARN,
}
_SEES_NOT: Mapping[str, tuple[str, ...]] = {
    "pytorch": ("losses of a validation that a plain loop logs nowhere", "activations of functions such as F.relu"),
    "tensorflow": ("loops of TensorFlow without Keras", "weights and gradients of the TensorFlow backend"),
    "xgboost": ("cross-validation, and loops of Booster.update",),
    "sklearn": ("tensors", "estimators that learn in one go"),
}
_ANY = "other loops: import gridwatch_hook; gridwatch_hook.log(loss=loss) tells of a step"
_PROFILE = "a profile, which rules of the profiler need: a script's own hook writes one"
_RANKS = "heartbeats of every rank"
_LOG = "what the metrics' expressions find in the job's log"


@dataclass(frozen=True, slots=True)
class Seen:
    """What will be seen of the jobs of one algorithm, and what not."""

    use: HookUse
    seen: tuple[str, ...]
    unseen: tuple[str, ...]

    def as_document(self) -> dict[str, Any]:
        """The answer's and the plan's words for machines."""
        use = self.use
        return {
            **({"algorithm": use.algorithm} if use.algorithm is not None else {}),
            "brought": use.bringing,
            **({"version": use.carrier.version} if use.carrier is not None else {}),
            **({"reason": use.reason} if use.reason else {}),
            "sees": list(self.seen),
            "does_not_see": list(self.unseen),
        }

    def lines(self) -> Iterator[str]:
        """The words for people, a line each."""
        use = self.use
        whose = f" of {use.algorithm}" if use.algorithm is not None else ""
        if use.carrier is not None:
            yield f"hook{whose}: version {use.carrier.version} is brought into the jobs, no script changes"
        elif use.bringing is Bringing.OWN:
            yield f"hook{whose}: the script's own ({use.reason})"
        else:
            yield f"hook{whose}: none ({use.reason})"
        yield f"  seen: {'; '.join(self.seen)}" if self.seen else "  seen: the job's state and its instances alone"
        if self.unseen:
            yield f"  not seen: {'; '.join(self.unseen)}"


def seen_of(plan: Plan) -> tuple[Seen, ...]:
    """What is seen of the jobs of each algorithm."""
    request = plan.tuning or {}
    definitions = request.get("TrainingJobDefinitions") or [request.get("TrainingJobDefinition") or plan.template]
    logs = (bool(each["AlgorithmSpecification"].get("MetricDefinitions")) for each in definitions)
    return tuple(_seen(use, plan.engine, log) for use, log in zip(plan.hooks, logs, strict=True))


def _seen(use: HookUse, engine: str, log: bool) -> Seen:
    logged = (_LOG,) if log else ()
    framework = use.framework or ""
    if use.carrier is not None:
        sees = _SEES.get(framework, (*_TORCH, *_KERAS, *_BOOSTING, *_SKLEARN))
        unseen = _SEES_NOT.get("pytorch" if framework in ("pytorch-smp", "huggingface") else framework, ())
        return Seen(use, (*sees, _RANKS, *logged), (*unseen, _PROFILE, _ANY))
    if use.bringing is Bringing.OWN:
        return Seen(use, ("what the script's hook saves, as collect and the rules ask for it", *logged), ())
    if engine != "gridwatch":
        return Seen(use, ("what SageMaker Debugger's own hook saves", *logged), ())
    return Seen(use, logged, ("tensors, and metrics that the job does not print",))
