"""Writes the limits of the requests that Gridwatch sends to SageMaker, as botocore's model has them.

`python -m scripts.api_limits` after another botocore: gridwatch/launch/api_limits.json, which
the domain reads, since it knows no AWS. Instance types have a list of their own (gridwatch.spec.instance_types).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import botocore.session

OPERATIONS = ("CreateTrainingJob", "CreateHyperParameterTuningJob")
TARGET = Path(__file__).parents[1] / "gridwatch" / "launch" / "api_limits.json"
_LIMITS = ("min", "max", "pattern", "enum")
_LISTED_ELSEWHERE = ("TrainingInstanceType", "ProcessingInstanceType")


def limits() -> dict[str, dict[str, Any]]:
    """Operation -> path of a member -> its limits; `[]` is a list's member, `{}` and `{key}` are those of a map."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    return {name: dict(_walk(model.operation_model(name).input_shape, "", ())) for name in OPERATIONS}


def _walk(shape: Any, path: str, above: tuple[str, ...]) -> Any:
    if shape.name in above:
        return
    told = {name: shape.metadata[name] for name in _LIMITS if name in shape.metadata}
    if shape.name in _LISTED_ELSEWHERE:
        told = {}
    if told:
        yield path, told
    inner = (*above, shape.name)
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from _walk(member, f"{path}.{name}" if path else name, inner)
    elif shape.type_name == "list":
        yield from _walk(shape.member, f"{path}[]", inner)
    elif shape.type_name == "map":
        yield from _walk(shape.key, f"{path}{{key}}", inner)
        yield from _walk(shape.value, f"{path}{{}}", inner)


def text() -> str:
    return json.dumps(limits(), indent=1, sort_keys=True) + "\n"


def main() -> None:
    TARGET.write_text(text())
    sys.stdout.write(f"{TARGET.name} written\n")


if __name__ == "__main__":
    main()
