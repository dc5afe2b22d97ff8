"""Says which reductions of a tensor are saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.core.utils import split
from gridwatch_rules.rules.custom.smdebug.exceptions import SMDebugValueError

logger = get_logger()

ALLOWED_REDUCTIONS = ["min", "max", "mean", "std", "variance", "sum", "prod"]
ALLOWED_NORMS = ["l1", "l2"]
REDUCTION_CONFIG_VERSION_NUM = "v0"
ALLOWED_PARAMS = ["reductions", "abs_reductions", "norms", "abs_norms", "save_raw_tensor", "save_shape"]


class ReductionConfig:
    """The reductions and norms to save, of values and of absolute values, and whether to save tensor and shape."""

    def __init__(
        self,
        reductions: list[str] | None = None,
        abs_reductions: list[str] | None = None,
        norms: list[str] | None = None,
        abs_norms: list[str] | None = None,
        save_raw_tensor: bool = False,
        save_shape: bool = False,
    ) -> None:
        self.reductions = reductions if reductions is not None else []
        self.abs_reductions = abs_reductions if abs_reductions is not None else []
        self.norms = norms if norms is not None else []
        self.abs_norms = abs_norms if abs_norms is not None else []
        self.save_raw_tensor = save_raw_tensor
        self.save_shape = save_shape
        self._check()

    def _check(self) -> None:
        for name, allowed in (
            ("reductions", ALLOWED_REDUCTIONS), ("abs_reductions", ALLOWED_REDUCTIONS),
            ("norms", ALLOWED_NORMS), ("abs_norms", ALLOWED_NORMS),
        ):  # fmt: skip
            if any(each not in allowed for each in getattr(self, name)):
                raise SMDebugValueError(f"{name} can only be one of {','.join(allowed)}")
        for name in ("save_raw_tensor", "save_shape"):
            if not isinstance(getattr(self, name), bool):
                raise SMDebugValueError(f"{name}={getattr(self, name)} must be a boolean")

    @classmethod
    def from_dict(cls, params: Mapping[str, Any] | None) -> ReductionConfig | None:
        """Create one from `save_raw_tensor`, `save_shape` and `reductions`, a text such as "mean,abs_max,l2_norm"."""
        if params is None:
            return None
        if not isinstance(params, dict):
            raise SMDebugValueError(f"params={params} must be dict")
        found: dict[str, list[str]] = {"reductions": [], "abs_reductions": [], "norms": [], "abs_norms": []}
        for text in filter(None, split(params.get("reductions", ""))):
            absolute, norm = text.startswith("abs_"), text.endswith("_norm")
            kind = f"{'abs_' if absolute else ''}{'norms' if norm else 'reductions'}"
            found[kind].append(text.split("_")[1] if absolute else text.split("_")[0] if norm else text)
        return cls(
            **found,
            save_raw_tensor=params.get("save_raw_tensor", False),
            save_shape=params.get("save_shape", False),
        )

    @classmethod
    def from_json(cls, json_str: str) -> ReductionConfig | None:
        return cls.from_dict(json.loads(json_str))

    def to_json_dict(self) -> dict[str, Any]:
        reductions = [
            *self.reductions,
            *(f"{each}_norm" for each in self.norms),
            *(f"abs_{each}" for each in self.abs_reductions),
            *(f"abs_{each}_norm" for each in self.abs_norms),
        ]
        return {
            "save_raw_tensor": self.save_raw_tensor,
            "reductions": ",".join(reductions),
            "save_shape": self.save_shape,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_json_dict())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ReductionConfig):
            return NotImplemented
        return vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # as smdebug's

    def __repr__(self) -> str:
        said = (
            f"<class ReductionConfig: reductions={self.reductions}, abs_reductions={self.abs_reductions}, "
            f"norms={self.norms}, abs_norms={self.abs_norms}>"
        )
        return f"{said}, save_shape={self.save_shape}, save_raw_tensor={self.save_raw_tensor}"
