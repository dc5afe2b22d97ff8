"""The parameters with which Debugger's rules select tensors: the union of collections and name patterns."""

from __future__ import annotations

from dataclasses import dataclass

from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.parameters import names, patterns
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.tensors.index import ReductionName


@dataclass(frozen=True, slots=True)
class SelectionParameters:
    collection_names: tuple[str, ...] = names((), "collections to inspect")
    tensor_regex: tuple[str, ...] = patterns((), "patterns of the names of tensors to inspect")


def chosen(
    rule: str, parameters: SelectionParameters, *, all_workers: bool = False, reductions: tuple[ReductionName, ...] = ()
) -> Requirement:
    """The requirement of a rule that must be told which tensors to inspect. Raises RuleConfigurationError if none are
    given.
    """
    if not parameters.collection_names and not parameters.tensor_regex:
        raise RuleConfigurationError(f"{rule}: one of collection_names and tensor_regex is required")
    return Requirement(
        parameters.collection_names, parameters.tensor_regex, reductions=reductions, all_workers=all_workers
    )
