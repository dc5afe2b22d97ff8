"""Writes docs/rules/, a page for each family of rules, from the rules themselves: `python -m scripts.rules_page`.

The text of docs/rules/README.md is written by hand, its tables by this script. A test holds all of it current.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "rules"
INDEX = FOLDER / "README.md"
sys.path.insert(0, str(ROOT / "rules"))

from gridwatch_rules.judgement.catalogue import judgement_rule_class, judgement_rule_names  # noqa: E402 - found by the line above
from gridwatch_rules.judgement.rule import JudgementRule  # noqa: E402
from gridwatch_rules.rules.catalogue import rule_class, rule_names  # noqa: E402
from gridwatch_rules.rules.errors import RuleConfigurationError  # noqa: E402
from gridwatch_rules.rules.parameters import Parameter, declared  # noqa: E402
from gridwatch_rules.rules.profiler.rule import ProfilerRule  # noqa: E402
from gridwatch_rules.rules.rule import Rule  # noqa: E402

AnyRule = type[Rule] | type[JudgementRule]

# Of SageMaker Developer Guide, "List of Debugger built-in rules".
DEBUGGER = frozenset(
    {"AllZero", "CheckInputImages", "ClassImbalance", "Confusion", "CreateXgboostReport", "DeadRelu", "ExplodingTensor"}
    | {"FeatureImportanceOverweight", "LossNotDecreasing", "NLPSequenceRatio", "Overfit", "Overtraining"}
    | {"PoorWeightInitialization", "SaturatedActivation", "SimilarAcrossRuns", "StalledTrainingRule", "TensorVariance"}
    | {"TreeDepth", "UnchangedTensor", "VanishingGradient", "WeightUpdateRatio"}
)

BEGIN, END = "<!-- The rules: written by `python -m scripts.rules_page`. -->", "<!-- End of the rules. -->"


@dataclass(frozen=True)
class Family:
    """The rules that are described on one page."""

    page: str
    title: str
    about: str
    rules: tuple[str, ...]

    def classes(self) -> list[AnyRule]:
        across = judgement_rule_names()
        return [judgement_rule_class(name) if name in across else rule_class(name) for name in self.rules]


FAMILIES = (
    Family(
        "metrics.md",
        "Losses and metrics",
        "These rules judge the numbers that a training reports: its losses and its metrics.",
        (
            *("LossNotDecreasing", "Overfit", "Overtraining", "StalledTrainingRule", "Divergence", "MetricNonFinite"),
            *("MetricPlateau", "MetricThreshold", "Oscillation"),
        ),
    ),
    Family(
        "training.md",
        "How a training goes",
        "These rules judge the numbers that a training reports about itself at each step: its loss, the norm of its "
        "gradients, its learning rate, its pace and its memory; and the heartbeats of its ranks. "
        "[The hook](../hook.md) saves them without a line in the script; a metric of a log counts where it has the same"
        " name.",
        (
            *("LossSpike", "GradientNormSpike", "NonFiniteGradient", "LabelsMasked", "LearningRateFrozen"),
            *("ThroughputDrop", "DataStarvation", "MemoryCreep", "EvalNeverRuns"),
            *("Hang", "Straggler"),
        ),
    ),
    Family(
        "expression.md",
        "Conditions of your own",
        "When no other rule says what you mean, write the condition as an expression. "
        "[Rules of your own](../custom-rules.md) shows this and two further ways.",
        ("Expression",),
    ),
    Family(
        "networks.md",
        "Layers of neural networks",
        "These rules judge the gradients, weights and activations that a training saves.",
        (
            *(
                "VanishingGradient",
                "VanishingGradientRatio",
                "PoorWeightInitialization",
                "WeightUpdateRatio",
                "DeadRelu",
            ),
            "SaturatedActivation",
        ),
    ),
    Family(
        "tensors.md",
        "Tensors of any kind",
        "These rules judge whichever tensors you name.",
        ("AllZero", "ExplodingTensor", "SimilarAcrossRuns", "TensorVariance", "UnchangedTensor"),
    ),
    Family(
        "data.md",
        "Inputs, labels and predictions",
        "These rules judge what goes into a model and what it answers.",
        ("CheckInputImages", "ClassImbalance", "Confusion", "NLPSequenceRatio"),
    ),
    Family(
        "xgboost.md",
        "XGBoost's trees and features",
        "These rules judge, or describe, a training of XGBoost. The rules on [losses and metrics](metrics.md) serve "
        "XGBoost as well.",
        ("CreateXgboostReport", "FeatureImportanceOverweight", "TreeDepth"),
    ),
    Family(
        "profile.md",
        "Use of the machines",
        "These rules judge a job's profile: how busy its CPUs, GPUs and disks were, and how long its steps took. "
        "[Profiler](../profiler.md) says how a profile is recorded.",
        tuple(name for name in rule_names() if issubclass(rule_class(name), ProfilerRule)),
    ),
    Family(
        "across-trials.md",
        "Trials compared with each other",
        "These rules judge a trial by what the trials of its experiment have reported. [Judgement](../judgement.md) "
        "says how, and what each rule saves and costs.",
        judgement_rule_names(),
    ),
)


def pages() -> dict[Path, str]:
    """Each generated file with its whole text."""
    text = INDEX.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    index = "\n".join([before + BEGIN, *_index(), END + after])
    return {INDEX: index} | {FOLDER / family.page: _page(family) for family in FAMILIES}


def _index() -> Iterator[str]:
    for family in FAMILIES:
        yield from ("", f"## {family.title}", "", "| rule | what it finds |", "| --- | --- |")
        for name, rule in zip(family.rules, family.classes(), strict=True):
            yield f"| [{name}]({family.page}#{name.lower()}) | {rule.summary} |"
    yield ""


def _page(family: Family) -> str:
    rules = family.classes()
    shared = _shared(rules)
    head = [f"# {family.title}\n", "<!-- Written by `python -m scripts.rules_page` from the rules themselves. -->\n"]
    head.append(f"{family.about} What holds for every rule is in the [index](README.md).\n")
    if shared:
        head += [f"All {len(rules)} rules have these parameters:\n", *_table(shared), ""]
    return "\n".join([*head, *(_section(rule, shared) for rule in rules)])


def _shared(rules: list[AnyRule]) -> list[Parameter]:
    """The parameters that all rules of a page declare alike."""
    first, *others = (declared(rule.Parameters) for rule in rules)
    return [each for each in first if len(others) > 1 and all(_row(each) in map(_row, other) for other in others)]


def _section(rule: AnyRule, shared: list[Parameter]) -> str:
    lines = [f"## {rule.name}\n", f"{rule.summary[0].upper()}{rule.summary[1:]}.\n"]
    lines.append(f"{inspect.cleandoc(rule.__doc__ or '')}\n")
    if rule.name in DEBUGGER or issubclass(rule, ProfilerRule):
        lines.append("The rule is one of SageMaker Debugger's.\n")
    if looks_for := _looks_for(rule):
        lines.append(f"It needs {looks_for}. Without that it ends as `SawNothing`.\n")
    if rule.collect:
        lines.append(f"Collections that a job saves for it: {', '.join(map(_collection, rule.collect))}.\n")
    own = [each for each in declared(rule.Parameters) if _row(each) not in map(_row, shared)]
    if own:
        lines += [*_table(own), ""]
    return "\n".join(lines)


def _looks_for(rule: AnyRule) -> str:
    """What the rule must see to judge, in words and by its defaults; empty if it has parameters without a default."""
    try:
        made = rule.create({})
    except RuleConfigurationError:
        return ""
    return made.looks_for()


def _collection(collection: Any) -> str:
    details = ", ".join(f"{key} {value}" for key, value in collection.parameters.items())
    return f"`{collection.name}`" + (f" ({details})" if details else "")


def _table(parameters: list[Parameter]) -> list[str]:
    return ["| parameter | default | allowed | meaning |", "| --- | --- | --- | --- |", *map(_row, parameters)]


def _row(parameter: Parameter) -> str:
    cells = (f"`{parameter.name}`", _default(parameter), parameter.allowed, parameter.meaning)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if isinstance(value, tuple):
        value = ",".join(f"{each:g}" if isinstance(each, float) else each for each in value)
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{shown}`" if value not in (None, "") else "none"


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
