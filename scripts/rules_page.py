"""Writes docs/rules.md from the rules themselves: `python -m scripts.rules_page`. A test holds the page current."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "rules.md"
sys.path.insert(0, str(ROOT / "rules"))

from gridwatch_rules.judgement.catalogue import judgement_rule_class, judgement_rule_names  # noqa: E402 - found by the line above
from gridwatch_rules.judgement.rule import JudgementRule  # noqa: E402
from gridwatch_rules.rules.catalogue import rule_class, rule_names  # noqa: E402
from gridwatch_rules.rules.errors import RuleConfigurationError  # noqa: E402
from gridwatch_rules.rules.parameters import Parameter, declared  # noqa: E402
from gridwatch_rules.rules.profiler.rule import ProfilerRule  # noqa: E402
from gridwatch_rules.rules.rule import Rule  # noqa: E402

# Of SageMaker Developer Guide, "List of Debugger built-in rules".
DEBUGGER = frozenset(
    {"AllZero", "CheckInputImages", "ClassImbalance", "Confusion", "CreateXgboostReport", "DeadRelu", "ExplodingTensor"}
    | {"FeatureImportanceOverweight", "LossNotDecreasing", "NLPSequenceRatio", "Overfit", "Overtraining"}
    | {"PoorWeightInitialization", "SaturatedActivation", "SimilarAcrossRuns", "StalledTrainingRule", "TensorVariance"}
    | {"TreeDepth", "UnchangedTensor", "VanishingGradient", "WeightUpdateRatio"}
)

HEAD = """# Rules

<!-- Written by `python -m scripts.rules_page` from the rules themselves. -->

A rule judges one training job. It is handed every global step that the job saved, once, in increasing order, and
ends with its first finding: status `IssuesFound`, with the step, the tensor, the observed value, the threshold and
a sentence. A rule that finds nothing until the job is over ends as `NoIssuesFound`, and as `SawNothing` when it never
had what it judges by: its tensors were not saved, only metrics that are better when higher, one step where it
compares two. The details then say what it looked for and what was there; nobody can take that for health. One that
fails ends as `Error` with the reason, and the others go on. Names, parameters and defaults are SageMaker Debugger's,
and so are the other statuses ([events](events.md) carry `SawNothing` as `Error`, as Debugger has it). Where AWS's
description leaves a choice, the reading taken is stated with the rule, and a parameter switches it where two readings
are plausible.

How the steps are split into evaluations never changes a verdict: between two calls a rule keeps a few numbers, and
reads the tensors of former steps again when it needs them. A step at which a tensor was not saved is passed over.
An index or events file that ends early is waited for. A damaged one costs the steps that it is of: the others are
judged, the rule's details name the file, and a rule that finds nothing ends as Error, because nobody knows what there
was to see. What Gridwatch's hook writes is verified by its checksum, so that no bit that flipped stops a job.

Parameters are given as typed values or as Debugger's strings: lists separated by commas, `True` and `False`. A
wrong name or value is refused with what is allowed, before anything is launched.

```yaml
rules:
  - rule: LossNotDecreasing
    parameters:
      collection_names: metrics
      num_steps: 2
      diff_percent: 5
    on_issue: stop
  - rule: Expression
    parameters:
      expression: "scalars['validation-error'] > 1.5 * scalars['train-error'] && step > 20"
    on_issue: alert
```

- `gridwatch rules list` shows them all, `gridwatch rules check PATH --rule NAME -p key=value` evaluates one over a
  folder of tensors on disk or in S3, or over those of a trial, also of a job long finished (exit code 0: no issues,
  3: issues, 2: error, 4: it saw nothing to judge by).
- `--rule FILE.py:ClassName` runs a rule of your own: a subclass of `smdebug.rules.Rule` as it is, without smdebug,
  or of `gridwatch_rules.rules.rule.Rule`. It runs in a process of its own with a time limit, from the job's first step;
  what it raises is its status `Error`.
  Ten lines are enough:

  ```python
  from gridwatch_rules.rules.requirement import Requirement
  from gridwatch_rules.rules.rule import Rule

  class LossBelow(Rule):
      name, summary = "LossBelow", "the loss is low enough"

      def requirement(self):
          return Requirement(collections=("losses",))

      def check(self, view):
          for loss in view.names(self.required):
              if view.scalar(loss) < 0.15:
                  return self.finding(view, loss, view.scalar(loss), 0.15, f"{loss} is below 0.15")
  ```

  It has judged once any tensor of its `requirement` was saved. A rule that needs more says so itself: `judged = 0` in
  the class, `self.judged += 1` wherever it had all that a verdict takes, and `looks_for` in words. Of a rule of smdebug
  it counts whether it read any value.
- Metrics that are better when higher (auc, aucpr, ndcg, map, accuracy, f1, r2 and the like, by the words of their
  name) are never taken as losses.
"""

ACROSS = """## Rules that look across trials

They judge a trial by what the trials of its experiment have reported; how, and what each saves and costs, is in
[judgement](judgement.md).
"""


def render() -> str:
    rules = [rule_class(name) for name in rule_names()]
    debugging = [rule for rule in rules if rule.name in DEBUGGER]
    profiling = [rule for rule in rules if issubclass(rule, ProfilerRule)]
    field = [rule for rule in rules if rule not in debugging and rule not in profiling]
    parts = [HEAD, "## Debugger's rules on tensors\n", *map(_section, debugging)]
    parts += ["## Rules that Debugger lacks\n", *map(_section, field)]
    parts += ["## Debugger's rules on profiles\n", *map(_section, profiling)]
    parts += [ACROSS, *(_section(judgement_rule_class(name)) for name in judgement_rule_names())]
    return "\n".join(parts)


def _looks_for(rule: type[Rule] | type[JudgementRule]) -> str:
    """What the rule looks for, in words with the defaults; empty for rules that have required parameters."""
    try:
        made = rule.create({})
    except RuleConfigurationError:
        return ""
    return made.looks_for()


def _section(rule: type[Rule] | type[JudgementRule]) -> str:
    lines = [f"### {rule.name}\n", f"{rule.summary[0].upper()}{rule.summary[1:]}.\n"]
    lines.append(f"{inspect.cleandoc(rule.__doc__ or '')}\n")
    if looks_for := _looks_for(rule):
        lines.append(f"Without this it ends as `SawNothing`: {looks_for}.\n")
    if rule.collect:
        lines.append(f"Debugger's own configuration saves: {', '.join(map(_collection, rule.collect))}.\n")
    parameters = declared(rule.Parameters)
    if parameters:
        lines += ["| parameter | default | allowed | meaning |", "| --- | --- | --- | --- |"]
        lines += [_row(parameter) for parameter in parameters]
        lines.append("")
    return "\n".join(lines)


def _collection(collection: Any) -> str:
    details = ", ".join(f"{key} {value}" for key, value in collection.parameters.items())
    return f"`{collection.name}`" + (f" ({details})" if details else "")


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
    PAGE.write_text(render(), encoding="utf-8")
