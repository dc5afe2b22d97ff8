"""The spec's JSON Schema, for editors: `python -m gridwatch.spec.schema > docs/schema/experiment.schema.json`.

It knows fields, types and choices. What holds between fields, XGBoost's hyperparameters and the rules' parameters are
checked when a spec is planned.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from gridwatch.spec.builtin_algorithms import BUILT_IN
from gridwatch.spec.instance_types import INSTANCE_TYPES
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.ready_rules import READY_RULES
from gridwatch.spec.xgboost.parameters import PARAMETERS
from gridwatch_rules.judgement.catalogue import judgement_rule_names
from gridwatch_rules.rules.catalogue import rule_names


def experiment_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12. What is only suggested (instance types, hyperparameters) is listed as examples."""
    schema = ExperimentSpec.model_json_schema(mode="validation")
    definitions = schema["$defs"]
    definitions["Algorithm"]["properties"]["name"]["anyOf"][0]["enum"] = ["xgboost", *sorted(BUILT_IN)]
    definitions["Algorithm"]["oneOf"] = [{"required": [kind]} for kind in ("name", "framework", "image")]
    definitions["RuleUse"]["properties"]["rule"]["anyOf"][0]["enum"] = [*rule_names(), *judgement_rule_names()]
    definitions["RuleUse"]["oneOf"] = [
        {"required": ["rule"]},
        {"required": ["when"]},
        {"required": ["source", "class"]},
    ]
    definitions["Resources"]["properties"]["instance_type"]["enum"] = list(INSTANCE_TYPES)
    items = schema["properties"]["rules"]["items"]
    schema["properties"]["rules"]["items"] = {"anyOf": [items, {"enum": list(READY_RULES)}]}
    for field in ("hyperparameters", "grid"):
        _suggest(schema["properties"][field])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "experiment.schema.json",
        **schema,
        "title": "Gridwatch experiment",
    }


def _suggest(field: dict[str, Any]) -> None:
    """XGBoost's hyperparameters by name, for editors to complete, each with the schema of any value."""
    for part in (field, *field.get("anyOf", ())):
        for value in list(part.get("patternProperties", {}).values()):
            part["properties"] = {
                name: {**value, "description": f"XGBoost: {kind.allowed}"} for name, kind in PARAMETERS.items()
            }


def main() -> None:
    sys.stdout.write(json.dumps(experiment_schema(), indent=2) + "\n")


if __name__ == "__main__":
    main()
