"""The configuration of a training job's hook: it saves what the spec asks for, and what its rules need beyond that.

The document is the JSON of Debugger's hook file (`debughookconfig.json`): HookParameters and CollectionConfigurations.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch.domain.rules import RulePolicy
from gridwatch.state.accepted_spec import AcceptedSpec
from gridwatch.storage.layout import HOOK_CONFIG_KEY
from gridwatch_rules.judgement.catalogue import is_judgement_rule
from gridwatch_rules.rules.catalogue import create_rule, rule_names
from gridwatch_rules.rules.errors import RuleConfigurationError

if TYPE_CHECKING:
    from gridwatch_rules.rules.rule import Rule

DEFAULT_INTERVAL = 10  # XGBoost hook: every tenth round
MAX_VALUE = 512  # CreateTrainingJob, Environment
CONFIG_KEY = HOOK_CONFIG_KEY
_CURVES = {"metrics": {"save_interval": "1"}}  # a few numbers a round: the curves in the tables are whole
# The metrics of XGBoost's rounds between those that a spec asks for (gridwatch_hook.collection.CURVES).
WHOLE_CURVES = "gridwatch_curves"
_METRICS = r"^[^/]+-[^/]+$"
_SCALARS = frozenset({"metrics", "losses"})
# Debugger's own collections and Gridwatch's. A hook refuses another one without a pattern, and fails the job by it: a
# rule that names it waits for what a script puts there.
KNOWN = frozenset(
    {"all", "default", "inputs", "outputs", "weights", "biases", "gradients", "losses", "layers", "metrics", "scalars",
     "sm_metrics", "optimizer_variables", "tensorflow_summaries", "hyperparameters", "predictions", "labels",
     "feature_importance", "average_shap", "full_shap", "trees", "relu_input", "relu_output", "tanh_input",
     "sigmoid_input"}
)  # fmt: skip
_LONGEST_NAME = 248  # of a rule, so that a collection may be called after it (CreateTrainingJob: 256)
_SCHEDULE = ("save_interval", "save_steps", "start_step", "end_step")


@dataclass(frozen=True, slots=True)
class _Need:
    """A collection that a rule looks at. `interval` None: any interval will do."""

    collection: str
    parameters: Mapping[str, str]


def hook_document(
    asked: Mapping[str, Mapping[str, str]], policies: Sequence[RulePolicy], *, curves: bool = True
) -> dict[str, Any]:
    """The hook's document. `asked` maps collections to their CollectionParameters; what is asked for is never changed
    by a rule's need. With `curves`, metrics are saved each round unless the spec says otherwise, whatever a rule needs.
    """
    collections = {name: dict(parameters) for name, parameters in ({**_CURVES, **asked} if curves else asked).items()}
    if curves and not any(key.endswith(_SCHEDULE) for key in collections["metrics"]):
        collections["metrics"] |= _CURVES["metrics"]
    hook: dict[str, str] = {}
    for policy in policies:
        if policy.source is not None:
            continue  # nobody knows what a user's own rule looks at: the spec says it under `collect`
        if is_judgement_rule(policy.rule):
            _merge(collections, asked, _Need("metrics", _CURVES["metrics"]))  # it compares reports of each round
            continue
        rule = create_rule(policy.rule, policy.parameters)
        for need in _needs(policy, rule):
            if need.collection in KNOWN or "include_regex" in need.parameters:
                _merge(collections, asked, need)
        if rule.required.everything:
            hook["save_all"] = "true"
    configurations = [
        {"CollectionName": name, "CollectionParameters": parameters} for name, parameters in collections.items()
    ]
    return {"HookParameters": hook, "CollectionConfigurations": configurations}


def environment(document: Mapping[str, Any], key: str = CONFIG_KEY) -> dict[str, str]:
    """The document split into environment variables of at most 512 characters: `…_CONFIG`, `…_CONFIG_1`,
    `…_CONFIG_2`.
    """
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True)
    chunks = [text[start : start + MAX_VALUE] for start in range(0, len(text), MAX_VALUE)]
    return {key if index == 0 else f"{key}_{index}": chunk for index, chunk in enumerate(chunks)}


def whole_curves(document: dict[str, Any]) -> dict[str, Any]:
    """The document for Gridwatch's XGBoost script that saves the metrics of every round even where the spec asks for
    every n-th: rules look only at those (`looks_at_every`); curves, current values and judgement use all.
    """
    configurations = document["CollectionConfigurations"]
    asked = {each["CollectionName"]: each["CollectionParameters"] for each in configurations}
    interval = _asked_interval(asked["metrics"])
    if interval in (None, 1) or any(key.endswith(_SCHEDULE[1:]) for key in document["HookParameters"]):
        return document
    whole = {"include_regex": _METRICS, "save_interval": "1"}
    return {
        **document,
        "CollectionConfigurations": [
            *configurations, {"CollectionName": WHOLE_CURVES, "CollectionParameters": whole}
        ],
    }  # fmt: skip


def looks_at_every(policy: RulePolicy, asked: Mapping[str, Mapping[str, str]], *, finest: bool = False) -> int:
    """How many saved steps lie between two that a rule looks at: metrics are saved each round, whatever rules need.
    `asked` is what the spec says of collections. 1 where it names steps, and for a rule to which a single value is
    enough. With `finest`, no step that may be saved for the rule is skipped, however intervals overlap.
    """
    rule = _known_rule(policy)
    if rule is None:
        return 1
    named = bool(rule.required.collections or rule.required.patterns) and not rule.required.everything
    if rule.judges_each_value or not named or not _SCALARS.issuperset(rule.required.collections):
        return 1
    scalars = {name: _asked_interval(asked[name]) for name in _SCALARS.intersection(asked)}
    if None in scalars.values():
        return 1
    intervals = [scalars.get(name) or _interval(rule) for name in rule.required.collections] or [_interval(rule)]
    return math.gcd(*intervals) if finest else min(intervals)


def _known_rule(policy: RulePolicy) -> Rule | None:
    """The rule; None where Gridwatch does not know it with these parameters, which only Debugger then evaluates."""
    if policy.source is not None or policy.rule not in rule_names():
        return None
    try:
        return create_rule(policy.rule, policy.parameters)
    except RuleConfigurationError:
        return None


def _asked_interval(parameters: Mapping[str, str]) -> int | None:
    """The interval in rounds at which a collection's own parameters save it; None where they say it otherwise."""
    scheduled = {key: value for key, value in parameters.items() if key.endswith(_SCHEDULE)}
    said = {key: value for key, value in scheduled.items() if key.removeprefix("global.") in _SCHEDULE}
    if not said:
        return DEFAULT_INTERVAL if scheduled else 1  # those of other modes are none of rounds
    value = said.get("global.save_interval") or said.get("save_interval") or ""
    only = {key.rpartition(".")[2] for key in said} == {"save_interval"}
    return int(value) if only and value.isdecimal() and int(value) > 0 else None


def log_repeats_hook(spec: AcceptedSpec) -> bool:
    """Whether the hook of a spec's jobs saves the metrics that they print: Gridwatch's XGBoost script's does, each
    round or as the spec asks.
    """
    several = spec.tune is not None and spec.tune.algorithms
    return not several and spec.algorithm.name == "xgboost"


def told_document(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document that the hook of jobs with this template gets: from Debugger's configuration, or from the variables
    that `environment` made.
    """
    if hook := template.get("DebugHookConfig"):
        return dict(hook)
    environment = template.get("Environment") or {}
    parts = [environment.get(CONFIG_KEY, "")]
    while part := environment.get(f"{CONFIG_KEY}_{len(parts)}"):
        parts.append(part)
    document: Mapping[str, Any] = json.loads("".join(parts) or "{}")
    return document


def rule_needs(policy: RulePolicy) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The collections that a rule of the catalogue looks at, with their CollectionParameters."""
    for need in _needs(policy, create_rule(policy.rule, policy.parameters)):
        yield need.collection, need.parameters


def _needs(policy: RulePolicy, rule: Rule) -> Iterator[_Need]:
    """The rule's collections, plus one of its own for tensors that it finds by name."""
    interval = str(_interval(rule))
    declared = {collect.name: collect.parameters for collect in rule.collect}
    for name in dict.fromkeys((*rule.required.collections, *declared)):
        yield _Need(name, {**declared.get(name, {}), "save_interval": interval})
    if rule.required.patterns:
        pattern = "|".join(f"(?:{pattern})" for pattern in rule.required.patterns)
        yield _Need(f"{policy.name[:_LONGEST_NAME]}_tensors", {"include_regex": pattern, "save_interval": interval})


def _interval(rule: Rule) -> int:
    """An interval short enough for the rule's stride, and never longer than the hook's default."""
    stride = getattr(rule.parameters, "num_steps", None)
    return min(DEFAULT_INTERVAL, stride) if isinstance(stride, int) and stride >= 1 else DEFAULT_INTERVAL


def _merge(collections: dict[str, dict[str, str]], asked: Mapping[str, Any], need: _Need) -> None:
    kept = collections.setdefault(need.collection, dict(need.parameters))
    if need.collection not in asked and int(need.parameters["save_interval"]) < int(kept["save_interval"]):
        kept["save_interval"] = need.parameters["save_interval"]
