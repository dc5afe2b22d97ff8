"""The hook's configuration: the JSON that SageMaker hands to Debugger's hook, parsed and checked.

`{"LocalPath": ..., "HookParameters": {...}, "CollectionConfigurations": [{"CollectionName", "CollectionParameters"}]}`;
parameter values are strings, or the JSON types they stand for. A parameter that a collection does not give is taken
from HookParameters, then from the framework's defaults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch_hook.collection import KERAS, KNOWN, SCALAR_COLLECTIONS, Collection, FrameworkCollections
from gridwatch_hook.modes import Mode
from gridwatch_hook.parameters import ConfigError, Parameters
from gridwatch_hook.reductions import Reduction
from gridwatch_hook.schedule import SaveSchedule

__all__ = ["ConfigError", "HookConfig"]

DEFAULT_LOCAL_PATH = "/opt/ml/output/tensors"

_SCHEDULE_KEYS = ("save_interval", "save_steps", "start_step", "end_step")
_MODE_KEYS = tuple(f"{mode.name.lower()}.{key}" for mode in Mode for key in _SCHEDULE_KEYS)
_SHARED_KEYS = (
    *_SCHEDULE_KEYS, *_MODE_KEYS, "include_regex", "reductions", "save_raw_tensor", "save_histogram", "save_shape",
)  # fmt: skip
_HOOK_KEYS = (
    *_SHARED_KEYS, "save_all", "include_workers", "export_tensorboard", "tensorboard_dir",
    "flushes_per_second", "backfill_seconds", "memory_limit_mb", "shap_sample_rows",
)  # fmt: skip
_COLLECTION_KEYS = (*_SHARED_KEYS, "tensor_names")
_FOR_TENSORBOARD = ("save_histogram", "export_tensorboard")
TOP_KEYS = ("LocalPath", "S3Path", "S3OutputPath", "HookParameters", "CollectionConfigurations")


@dataclass(frozen=True, slots=True)
class HookConfig:
    """The configuration of a hook: the collections to save, when to save them, and how to write them."""

    local_path: str
    collections: tuple[Collection, ...]
    all_workers: bool = False
    flushes_per_second: float | None = None  # None: as often as the destination allows
    backfill_seconds: float = 30.0  # how long closing may take to add the index objects that were left out
    memory_limit_mb: float = 256.0  # for tensors that wait to be written
    shap_sample_rows: int = 200

    @classmethod
    def parse(cls, document: Any, framework: FrameworkCollections) -> HookConfig:
        """Parse and check the JSON document. Raises ConfigError saying what is wrong and what is allowed."""
        top = Parameters.create("the hook configuration", {} if document is None else document, TOP_KEYS)
        given = top.get("HookParameters")
        hook = Parameters.create("HookParameters", {} if given is None else given, _HOOK_KEYS)
        configured = _configurations(top.get("CollectionConfigurations"))
        _refuse_what_has_no_effect(hook, configured, framework)
        return cls(
            local_path=top.text("LocalPath", DEFAULT_LOCAL_PATH),
            collections=_collections(hook, configured, framework),
            all_workers=hook.choice("include_workers", ("one", "all"), "one") == "all",
            flushes_per_second=hook.number("flushes_per_second", None, above=0.0),
            backfill_seconds=hook.number("backfill_seconds", 30.0) or 0.0,
            memory_limit_mb=hook.number("memory_limit_mb", 256.0, above=0.0) or 256.0,
            shap_sample_rows=hook.integer("shap_sample_rows", 200, at_least=1) or 200,
        )


def _configurations(listed: Any) -> dict[str, Parameters]:
    if listed is None:
        return {}
    if not isinstance(listed, list):
        raise ConfigError(f"CollectionConfigurations must be a list, not {type(listed).__name__}")
    configured: dict[str, Parameters] = {}
    for entry in listed:
        item = Parameters.create(
            "an entry of CollectionConfigurations", entry, ("CollectionName", "CollectionParameters")
        )
        name = item.text("CollectionName", "")
        if not name:
            raise ConfigError(f"an entry of CollectionConfigurations has no CollectionName: {entry!r}")
        if name in configured:
            raise ConfigError(f"collection {name!r} is configured twice")
        configured[name] = Parameters.create(
            f"collection {name!r}", item.get("CollectionParameters") or {}, _COLLECTION_KEYS
        )
    return configured


def _refuse_what_has_no_effect(
    hook: Parameters, configured: Mapping[str, Parameters], framework: FrameworkCollections
) -> None:
    """Raise ConfigError for a parameter that Debugger's hook obeys but that has no effect here."""
    for given in (hook, *configured.values()):
        for key in _FOR_TENSORBOARD:
            if given.boolean(key, False):
                raise given.without_effect(key, "the hook writes nothing for TensorBoard; leave it out, or say False")
    if hook.get("tensorboard_dir") is not None:
        raise hook.without_effect("tensorboard_dir", "the hook writes nothing for TensorBoard; leave it out")
    if hook.get("shap_sample_rows") is not None and "full_shap" not in framework.patterns:
        raise hook.without_effect("shap_sample_rows", "only XGBoost's hook computes SHAP values; leave it out")
    if hook.get("include_workers") == "all" and framework is KERAS:
        raise hook.without_effect("include_workers", "Keras's hook knows of one worker alone; leave it out")
    for name in SCALAR_COLLECTIONS.intersection(configured):
        own = configured[name]
        if own.listed("reductions") or not own.boolean("save_raw_tensor", True):
            key = "reductions" if own.listed("reductions") else "save_raw_tensor"
            raise own.without_effect(key, "it holds single numbers, which are saved as they are; leave it out")


def _collections(
    hook: Parameters, configured: Mapping[str, Parameters], framework: FrameworkCollections
) -> tuple[Collection, ...]:
    names = dict.fromkeys((*framework.always, *configured))
    if hook.get("include_regex") is not None:
        names["default"] = None
    if hook.boolean("save_all", False) or "all" in names:
        names |= dict.fromkeys(framework.patterns)
    nothing = Parameters.create("", {}, ())
    return tuple(_collection(name, configured.get(name, nothing), hook, framework) for name in names)


def _collection(name: str, own: Parameters, hook: Parameters, framework: FrameworkCollections) -> Collection:
    patterns = (*framework.patterns.get(name, ()), *own.patterns("include_regex"))
    if name == "all":
        patterns = (".*", *patterns)
    if name == "default":
        patterns = (*patterns, *hook.patterns("include_regex"))
    names = frozenset(own.listed("tensor_names"))
    if name not in KNOWN and not patterns and not names:
        known = ", ".join(sorted(KNOWN))
        raise ConfigError(f"collection {name!r} is none of {known}, so it needs include_regex or tensor_names")
    reductions = own.listed("reductions") if own.get("reductions") is not None else hook.listed("reductions")
    raw = own.boolean("save_raw_tensor", hook.boolean("save_raw_tensor", not reductions))
    try:
        return Collection.create(
            name,
            include_regex=patterns,
            tensor_names=names,
            schedules={mode: _schedule(mode, own, hook, framework.save_interval) for mode in Mode},
            reductions=tuple(Reduction.parse(text) for text in reductions),
            save_raw_tensor=raw,
            save_shape=own.boolean("save_shape", hook.boolean("save_shape", False)),
        )
    except re.error as error:
        raise ConfigError(
            f"collection {name!r}: include_regex {error.pattern!r} is no regular expression ({error.msg})"
        ) from error
    except ValueError as error:
        raise ConfigError(f"collection {name!r}: {error}") from error


def _schedule(mode: Mode, own: Parameters, hook: Parameters, default_interval: int) -> SaveSchedule:
    """The schedule of a mode. Each value comes from the most specific place that gives it: the collection's parameter
    for the mode, the collection's, the hook's for the mode, then the hook's.
    """

    def nearest(key: str) -> tuple[Parameters, str] | None:
        prefixed = f"{mode.name.lower()}.{key}"
        for parameters in (own, hook):
            for name in (prefixed, key):
                if parameters.get(name) is not None:
                    return parameters, name
        return None

    interval, start, end, steps = (nearest(key) for key in ("save_interval", "start_step", "end_step", "save_steps"))
    # Debugger's documentation says that save_steps override the interval; an interval that is asked for counts as well.
    default = 0 if steps else default_interval
    return SaveSchedule(
        interval=(interval[0].integer(interval[1], default, at_least=1) if interval else default) or 0,
        start=(start[0].integer(start[1], 0, at_least=0) if start else 0) or 0,
        end=end[0].integer(end[1], None, at_least=0) if end else None,
        steps=frozenset(steps[0].integers(steps[1]) if steps else ()),
    )
