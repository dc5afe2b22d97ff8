"""Refuses templates that CloudFormation would refuse, before MiniStack's stacks create anything."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ministack.services.cloudformation import changesets, handlers, provisioners

from gridwatch.localcloud.adapter.standing import OF_STACKS
from gridwatch.localcloud.adapter.taken_names import Create
from gridwatch.localcloud.requests.templates import TemplateError, check_parameters, check_template
from gridwatch.localcloud.sagemaker.errors import ServiceError

_MODULES = (changesets, handlers)


def check_templates() -> None:
    """Have stacks and change sets refuse what AWS refuses, and require capabilities even without the strict profile."""
    for module in _MODULES:
        module.validate_template_support = _also_ours(module.validate_template_support)
        module._resolve_parameters = _known_parameters(module._resolve_parameters)
    handlers._capabilities_enforced = lambda: True
    for kind, checks in OF_STACKS.items():
        kept = provisioners._RESOURCE_HANDLERS[kind]
        create = kept["create"]
        kept["create"] = _checked(create, checks)
        # An update that replaces the resource calls the function by its own name.
        setattr(provisioners, create.__name__, kept["create"])


def _checked(create: Create, checks: Sequence[Callable[[Mapping[str, Any]], None]]) -> Create:
    def create_checked(logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        for check in checks:
            try:
                check(properties)
            except ServiceError as error:
                raise TemplateError(f'Resource handler returned message: "{error.message}"') from error
        return create(logical_id, properties, stack)

    return functools.wraps(create)(create_checked)


def _also_ours(validate: Any) -> Any:
    def validate_all(template: Mapping[str, Any], conditions: Mapping[str, Any], **more: Any) -> None:
        validate(template, conditions, **more)
        check_template(template)

    return validate_all


def _known_parameters(resolve: Any) -> Any:
    def resolve_known(template: Mapping[str, Any], given: Sequence[Mapping[str, Any]], *more: Any, **named: Any) -> Any:
        check_parameters(template, given)
        return resolve(template, given, *more, **named)

    return resolve_known
