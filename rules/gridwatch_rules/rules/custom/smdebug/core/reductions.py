"""Numbers in place of tensors: their formulas and the names under which they are saved."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from gridwatch_rules.rules.custom.smdebug.core.reduction_config import ALLOWED_NORMS, ALLOWED_REDUCTIONS
from gridwatch_rules.rules.custom.smdebug.exceptions import SMDebugValueError

REDUCTIONS_PREFIX = "smdebug/reductions/"


def get_numpy_reduction(reduction_name: str, numpy_data: Any, abs: bool = False) -> Any:
    if reduction_name not in ALLOWED_REDUCTIONS and reduction_name not in ALLOWED_NORMS:
        raise SMDebugValueError(f"Invalid reduction type {reduction_name}")
    return get_basic_numpy_reduction(reduction_name, np.absolute(numpy_data) if abs else numpy_data)


def get_basic_numpy_reduction(reduction_name: str, numpy_data: Any) -> Any:
    """The reduction as a number of numpy; None for an unknown one. Norms are numpy.linalg.norm's, even for matrices."""
    if reduction_name in ALLOWED_REDUCTIONS:
        return getattr(np, "var" if reduction_name == "variance" else reduction_name)(numpy_data)
    if reduction_name in ALLOWED_NORMS:
        values: Any = [numpy_data] if np.isscalar(numpy_data) else numpy_data
        return np.linalg.norm(values, ord=int(reduction_name[1]))
    return None


def get_reduction_tensor_name(tensorname: str, reduction_name: str, abs: bool, remove_colon_index: bool = True) -> str:
    name = f"{reduction_name}/{tensorname}"
    if remove_colon_index:
        name = re.sub(r":\d+", "", name)
    return f"{REDUCTIONS_PREFIX}{'abs_' if abs else ''}{name}"


def reverse_reduction_tensor_name(reduction_tensor_name: str) -> tuple[str, str, bool]:
    """The name of the tensor, the name of the reduction, and whether it is of absolute values."""
    reduction, tensor = reduction_tensor_name.split(REDUCTIONS_PREFIX)[1].split("/", 1)
    if "abs_" in reduction:
        return tensor, reduction.split("abs_")[1], True
    return tensor, reduction, False
