"""Says when tensors are saved, by mode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.modes import ModeKeys
from gridwatch_rules.rules.custom.smdebug.core.utils import step_in_range
from gridwatch_rules.rules.custom.smdebug.exceptions import SMDebugTypeError, SMDebugValueError

DEFAULT_SAVE_CONFIG_INTERVAL = 500
DEFAULT_SAVE_CONFIG_START_STEP = 0
DEFAULT_SAVE_CONFIG_END_STEP = None
DEFAULT_SAVE_CONFIG_SAVE_STEPS: list[int] = []
ALLOWED_PARAMS = ["save_interval", "save_steps", "start_step", "end_step"]


class SaveConfigMode:
    """Saves every `save_interval`-th step of [start_step, end_step), and the steps in `save_steps`."""

    def __init__(
        self,
        save_interval: int | str | None = None,
        start_step: int | str | None = None,
        end_step: int | str | None = None,
        save_steps: list[int] | None = None,
    ) -> None:
        self.save_interval = DEFAULT_SAVE_CONFIG_INTERVAL if save_interval is None else int(save_interval)
        self.save_steps = DEFAULT_SAVE_CONFIG_SAVE_STEPS if save_steps is None else save_steps
        self.start_step = DEFAULT_SAVE_CONFIG_START_STEP if start_step is None else int(start_step)
        self.end_step = DEFAULT_SAVE_CONFIG_END_STEP if end_step is None else int(end_step)
        self._check()

    def _check(self) -> None:
        if not (isinstance(self.save_steps, list) and all(isinstance(step, int) for step in self.save_steps)):
            raise SMDebugValueError(f"save_steps={self.save_steps} must be type(list(int))")

    def to_json_dict(self) -> dict[str, Any]:
        return {
            "save_interval": self.save_interval,
            "save_steps": self.save_steps,
            "start_step": self.start_step,
            "end_step": self.end_step,
        }

    @classmethod
    def from_dict(
        cls, params: Mapping[str, Any] | None, default_values: Mapping[str, Any] | None = None
    ) -> SaveConfigMode | None:
        if params is None:
            return None
        for name, given in (("params", params), ("default_values", default_values)):
            if given is not None and not isinstance(given, dict):
                raise SMDebugTypeError(f"{name}={given} is not a dict.")
        defaults = default_values or {}
        return cls(**{key: params.get(key, defaults.get(key)) for key in ALLOWED_PARAMS})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SaveConfigMode):
            return NotImplemented
        return vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # as smdebug's

    def should_save_step(self, step_num: int) -> bool:
        if self.save_steps and step_num in self.save_steps:
            return True
        return step_in_range((self.start_step, self.end_step), step_num) and step_num % self.save_interval == 0

    def __repr__(self) -> str:
        return (
            f"<class SaveConfig: save_interval={self.save_interval}, save_steps={self.save_steps}, "
            f"start_step={self.start_step}, end_step={self.end_step}>"
        )


class SaveConfig:
    """A SaveConfigMode for each mode; None where a mode is not given."""

    def __init__(
        self,
        mode_save_configs: dict[ModeKeys, SaveConfigMode | None] | None = None,
        save_interval: int | None = None,
        start_step: int | None = None,
        end_step: int | None = None,
        save_steps: list[int] | None = None,
    ) -> None:
        if mode_save_configs is None:
            self.mode_save_configs: dict[ModeKeys, SaveConfigMode | None] = {
                mode: SaveConfigMode(save_interval, start_step, end_step, save_steps) for mode in ModeKeys
            }
            return
        for mode, value in mode_save_configs.items():
            if not isinstance(mode, ModeKeys) or not (value is None or isinstance(value, SaveConfigMode)):
                raise SMDebugValueError(
                    f"Each key,value in mode_save_configs={mode_save_configs} must be of type ModeKey,SaveConfigMode"
                )
        for mode in ModeKeys:
            mode_save_configs.setdefault(mode, None)
        self.mode_save_configs = mode_save_configs

    def get_save_config(self, mode: ModeKeys) -> SaveConfigMode:
        found = self.mode_save_configs[mode]
        if found is None:
            raise SMDebugValueError(f"SaveConfig={self} is not ready. Call SaveManager.prepare() first.")
        return found

    def set_save_config(self, mode: ModeKeys, save_config_mode: SaveConfigMode) -> None:
        if not isinstance(save_config_mode, SaveConfigMode):
            raise SMDebugValueError(f"save_config_mode={save_config_mode} must be type SaveConfigMode")
        self.mode_save_configs[mode] = save_config_mode

    def should_save_step(self, mode: ModeKeys, step_num: int) -> bool:
        return self.get_save_config(mode).should_save_step(step_num)

    def to_json_dict(self) -> dict[str, Any]:
        return {mode.name: each.to_json_dict() if each else None for mode, each in self.mode_save_configs.items()}

    def to_json(self) -> str:
        return json.dumps(self.to_json_dict())

    def merge_default_save_config(self, default_save_config: SaveConfig) -> None:
        """Take the values that are missing here from the other configuration."""
        for mode in ModeKeys:
            if self.mode_save_configs[mode] is None:
                other = default_save_config.mode_save_configs[mode]
                self.set_save_config(mode, SaveConfigMode() if other is None else other)

    @classmethod
    def from_dict(
        cls, params: Mapping[Any, Any] | None, default_values: Mapping[str, Any] | None = None
    ) -> SaveConfig | None:
        """Create one from a map of modes, or their names, to SaveConfigMode or its parameters."""
        if params is None:
            return None
        given = dict(params)
        if all(isinstance(key, str) for key in given):
            given = {ModeKeys[key]: value for key, value in given.items()}
        if all(value is None or isinstance(value, dict) for value in given.values()):
            given = {key: SaveConfigMode.from_dict(value, default_values or {}) for key, value in given.items()}
        return cls(mode_save_configs=given)

    @classmethod
    def from_json(cls, json_str: str) -> SaveConfig | None:
        return cls.from_dict(json.loads(json_str))

    @classmethod
    def from_save_config_mode(cls, save_config_mode: SaveConfigMode) -> SaveConfig:
        return cls(mode_save_configs=dict.fromkeys(ModeKeys, save_config_mode))

    @classmethod
    def parse(cls, obj: Any) -> SaveConfig | None:
        if obj is None:
            return cls()
        if isinstance(obj, SaveConfig):
            return obj
        if isinstance(obj, SaveConfigMode):
            return cls.from_save_config_mode(obj)
        if isinstance(obj, dict):
            return cls.from_dict(obj)
        raise SMDebugTypeError(f"obj={obj} cannot be parsed into a SaveConfig object")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SaveConfig):
            return NotImplemented
        return all(self.mode_save_configs[mode] == other.mode_save_configs[mode] for mode in ModeKeys)

    __hash__ = None  # type: ignore[assignment]  # as smdebug's

    def __repr__(self) -> str:
        return f"<class SaveConfig: {self.mode_save_configs}>"
