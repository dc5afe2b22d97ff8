"""Turns the rules that people name on the command line into rules that can be replayed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gridwatch_rules.failures import PermanentError
from gridwatch_rules.judgement.catalogue import create_judgement_rule, is_judgement_rule, judgement_rule_names
from gridwatch_rules.judgement.grids import Grid
from gridwatch_rules.judgement.replay import AcrossTrials, Judge
from gridwatch_rules.judgement.stopping import STOPPING_RULE
from gridwatch_rules.judgement.trial_rules import stops_of
from gridwatch_rules.rules.catalogue import rule_class, rule_names
from gridwatch_rules.rules.custom import former_names
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.suggestions import closest

if TYPE_CHECKING:
    from gridwatch_rules.rules.custom.smdebug.rules import Rule as SmdebugRule

# A user's own rules need numpy: who chooses Gridwatch's own does not pay for it.
# ruff: noqa: PLC0415


class ChoiceError(ValueError):
    """No chosen rule has a given parameter; the message says which parameters there are."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The value of one `--rule` with its parameters: a rule, or several joined by `+`, any of which stops a trial."""

    text: str
    parts: Sequence[tuple[str, Mapping[str, str]]]

    @property
    def given(self) -> Mapping[str, str]:
        return {key: value for _, parameters in self.parts for key, value in parameters.items()}

    def resource(self) -> str:
        """The unit in which its rules count training. Raises RuleConfigurationError when they do not agree."""
        across = [create_judgement_rule(name, given) for name, given in self.parts if is_judgement_rule(name)]
        units = sorted({rule.parameters.resource for rule in across})
        if len(units) > 1:
            raise RuleConfigurationError(f"{self.text}: rules of one choice count in one resource, not {units}")
        return units[0] if units else "epochs"

    def judges(self, grid: Grid) -> list[Judge]:
        """Create the rules for one grid. Raises RuleConfigurationError, GridError, PermanentError."""
        return [_judge(name, given, grid) for name, given in self.parts]


def choices(rules: Sequence[str], pairs: Sequence[str], stoppings: Sequence[str] = ()) -> list[Choice]:
    """Assign parameters to the chosen rules: `-p KEY=VALUE` goes to every rule that has it, `-p RULE.KEY=VALUE` to that
    rule. Each of `stoppings` is one more choice: the rule that the dial `stopping` stands for, at that setting. Without
    any choice all rules across trials are chosen.

    Raises ChoiceError for a parameter that no chosen rule has, RuleConfigurationError for an unknown rule.
    """
    texts = list(rules) or ([] if stoppings else list(judgement_rule_names()))
    names = [name.strip() for text in texts for name in text.split("+")] + [STOPPING_RULE] * bool(stoppings)
    known = {name: _parameter_names(name) for name in names}
    given: dict[str, dict[str, str]] = {name: {} for name in names}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ChoiceError(f"{pair!r} is no KEY=VALUE")
        owner, _, own = key.rpartition(".")
        takers = [name for name in known if (owner in ("", name)) and (own in known[name] or known[name] == ())]
        if not takers:
            allowed = "; ".join(f"{name}: {', '.join(parameters) or 'none'}" for name, parameters in known.items())
            raise ChoiceError(f"no chosen rule has a parameter {key!r} ({allowed})")
        for name in takers:
            given[name][own] = value
    chosen = [Choice(text, [(name.strip(), given[name.strip()]) for name in text.split("+")]) for text in texts]
    dialled = [{**given[STOPPING_RULE], "stopping": each} for each in stoppings]
    return [*chosen, *(Choice(STOPPING_RULE, [(STOPPING_RULE, parameters)]) for parameters in dialled)]


def _parameter_names(name: str) -> tuple[str, ...]:
    from gridwatch_rules.judgement.catalogue import judgement_rule_class
    from gridwatch_rules.rules.parameters import declared

    if ":" in name:
        return ()  # the class in the file says which parameters it takes
    if is_judgement_rule(name):
        return tuple(each.name for each in declared(judgement_rule_class(name).Parameters))
    if name not in rule_names():
        known = (*judgement_rule_names(), *rule_names())
        meant = closest(name, known)
        hint = f"did you mean {meant}? " if meant else ""
        raise RuleConfigurationError(
            f"there is no rule {name!r}: {hint}rules are {', '.join(known)}, and FILE.py:Class"
        )
    return tuple(each.name for each in declared(rule_class(name).Parameters))


def _judge(name: str, given: Mapping[str, str], grid: Grid) -> Judge:
    if is_judgement_rule(name):
        return AcrossTrials(create_judgement_rule(name, given))
    if ":" not in name:
        return stops_of(grid, lambda: rule_class(name).create(given))
    own = _own_rule(name)
    if issubclass(own, Rule):
        return stops_of(grid, lambda: own.create(given))
    from gridwatch_rules.judgement.smdebug_rules import smdebug_stops

    return smdebug_stops(grid, own, given)


def _own_rule(text: str) -> type[Rule | SmdebugRule]:
    """A user's own rule, out of a file on the user's own machine."""
    from gridwatch_rules.rules.custom.recorded import TensorAccess
    from gridwatch_rules.rules.custom.shim import installed
    from gridwatch_rules.rules.custom.smdebug.rules import Rule as SmdebugRule

    file, _, class_name = text.rpartition(":")
    path = Path(file)
    spec = importlib.util.spec_from_file_location(path.stem, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise PermanentError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    former_names.install()
    with installed(TensorAccess(_no_trials, _no_trials)):
        spec.loader.exec_module(module)
    found: Any = getattr(module, class_name, None)
    if found is None:
        there = sorted(name for name, value in vars(module).items() if _is_own(value, module.__name__))
        raise PermanentError(f"{file} has no class {class_name}: there are {', '.join(there) or 'none'}")
    if not (isinstance(found, type) and issubclass(found, Rule | SmdebugRule)):
        raise PermanentError(
            f"{class_name} in {file} is a subclass of neither smdebug.rules.Rule nor gridwatch_rules.rules.rule.Rule"
        )
    return found


def _is_own(value: object, module: str) -> bool:
    return isinstance(value, type) and value.__module__ == module


def _no_trials(path: str, *_: object, **__: object) -> NoReturn:
    raise PermanentError(f"the rule opens {path}: a backtest has curves and no tensors")
