"""XGBoost in script mode on AWS's image, whose own smdebug saves the tensors that Debugger's rules look at.

SageMaker writes debughookconfig.json when Debugger watches the job. Gridwatch's hook reads it too, and the environment
that Gridwatch sets when it evaluates the rules itself: with a copy of gridwatch_hook beside this script both engines
see tensors.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import xgboost as xgb

try:
    from gridwatch_hook.xgboost import XGBoostHook
except ImportError:
    XGBoostHook = None

CONFIGURATION = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "input", "config", "debughookconfig.json")


def main() -> None:
    arguments = vars(_arguments())
    parameters = {name: value for name, value in arguments.items() if name != "num_round"}
    train, validation = (_matrix(os.environ[f"SM_CHANNEL_{channel}"]) for channel in ("TRAIN", "VALIDATION"))
    hook = _hook(train_data=train, validation_data=validation, hyperparameters=parameters)
    model = xgb.train(
        parameters,
        train,
        num_boost_round=arguments["num_round"],
        evals=[(train, "train"), (validation, "validation")],
        callbacks=[hook] if hook is not None else [],
    )
    model.save_model(Path(os.environ["SM_MODEL_DIR"]) / "xgboost-model.json")


def _hook(**data: Any) -> Any:
    """The callback that the job asks for; None when nobody watches its tensors."""
    if XGBoostHook is not None:
        return XGBoostHook.from_environment(**data)
    if not CONFIGURATION.exists():
        return None
    from smdebug.xgboost import Hook  # noqa: PLC0415  in AWS's image, and nowhere else

    hook = Hook.create_from_json_file(str(CONFIGURATION))
    for name, value in data.items():
        setattr(hook, name, value)
    return hook


def _matrix(folder: str) -> xgb.DMatrix:
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    if len(files) != 1:
        raise SystemExit(f"{folder} holds {len(files)} files; this script reads one a channel")
    return xgb.DMatrix(f"{files[0]}?format=libsvm")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--objective", default="reg:squarederror")
    parser.add_argument("--max_depth", type=int, default=5)
    parser.add_argument("--eta", type=float, default=0.2)
    parser.add_argument("--gamma", type=float, default=4.0)
    parser.add_argument("--min_child_weight", type=float, default=6.0)
    parser.add_argument("--subsample", type=float, default=0.7)
    parser.add_argument("--num_round", type=int, default=51)
    return parser.parse_args()


if __name__ == "__main__":
    main()
