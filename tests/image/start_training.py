"""Starts a training as the image's entry point does, under the image's interpreter (not a test; a test runs it).

The image runs sagemaker_containers' trainer, which calls `sagemaker_xgboost_container.training:main`. That package is
on no registry; its script mode is the one call below (aws/sagemaker-xgboost-container, training.py).
"""

from __future__ import annotations

import sys

from sagemaker_containers import _trainer
from sagemaker_containers.beta import framework


def main() -> None:
    environment = framework.training_env()
    framework.modules.run_module(
        environment.module_dir,
        environment.to_cmd_args(),
        environment.to_env_vars(),
        environment.module_name,
        capture_error=False,
    )


if __name__ == "__main__":
    # What the trainer imports by the name in SAGEMAKER_TRAINING_MODULE (start_training:main).
    sys.modules["start_training"] = sys.modules["__main__"]
    _trainer.train()
