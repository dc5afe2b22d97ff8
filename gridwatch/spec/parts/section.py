"""The base of every section of a spec, and the names that occur in several."""

from __future__ import annotations

from typing import Annotated
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


def _as_a_folder(name: str) -> str:
    """The name as a folder's: a channel is a folder below input/data, which the pattern alone does not say."""
    if name in (".", ".."):
        raise ValueError("leaves the folder of its data")
    return name


# SageMaker's ExperimentEntityName; 64 characters leave room for the prefix and the trial's identity.
ExperimentName = Annotated[
    str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", min_length=1, max_length=64)
]
ChannelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", min_length=1, max_length=64),
                        AfterValidator(_as_a_folder)]  # fmt: skip
CollectionName = Annotated[str, StringConstraints(pattern=r"^\S+$", min_length=1, max_length=256)]
HyperparameterName = Annotated[str, StringConstraints(pattern=r"^\S+$", min_length=1, max_length=256)]
# RuleConfigurationName and CollectionName of CreateTrainingJob: anything on one line (pattern .*, 256 characters).
GivenName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$", max_length=256)]
RuleName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$", min_length=1, max_length=64)]
ClassName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]


def _as_aws_has_tags(text: str) -> str:
    """The text as AWS accepts it in tags: the pattern below also allows what AWS refuses, such as combining marks."""
    if odd := next((sign for sign in text if sign not in " _.:/=+-@" and category(sign)[0] not in "LN"), None):
        raise ValueError(f"has {odd!r}: tags have letters, numbers, spaces and _.:/=+-@")
    return text


# API reference, Tag: letters, numbers, spaces and _ . : / = + - @.
_Tag = AfterValidator(_as_aws_has_tags)
TagValue = Annotated[str, StringConstraints(pattern=r"^[\w .:/=+@-]*$", max_length=256), _Tag]
TagKey = Annotated[str, StringConstraints(pattern=r"^[\w .:/=+@-]+$", min_length=1, max_length=128), _Tag]


class Section(BaseModel):
    # Strict: "3" is no number and 1 no truth; a spec means what it says. A section's own validator is never needed: all
    # are built once, as parts of the spec's, when the first spec is read and not when the module is imported.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)
