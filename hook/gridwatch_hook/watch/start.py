"""Starts the watch of a process: it waits for frameworks to be imported, and does nothing else.

This module is loaded in every Python process of a training container, so it imports nothing of weight.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing `typing` would be most of the time that a process takes longer to start
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_HERE = __name__.rpartition(".")[0]
ROOT = _HERE.rpartition(".")[0]  # the name under which this package was carried
ALIAS = "gridwatch_hook"
# Whoever calls `gridwatch_hook.log` may have another copy of this package than the one that watches.
ACTIVE = "gridwatch_hook_active"

# The module whose import a watcher waits for, and the watcher's module in this folder.
WATCHERS = {
    "torch": "torch_loop",
    "torch.utils.data.dataloader": "torch_data",
    "safetensors.torch": "checkpoints",
    "torch.utils.tensorboard.writer": "loggers",
    "tensorboardX.writer": "loggers",
    "mlflow.tracking.client": "loggers",
    "wandb.sdk.wandb_run": "loggers",
    "transformers.trainer": "huggingface",
    "accelerate.accelerator": "accelerate",
    "lightning.pytorch.trainer.trainer": "lightning",
    "pytorch_lightning.trainer.trainer": "lightning",
    "keras.src.callbacks.callback_list": "keras",
    "xgboost.callback": "xgboost",
    "lightgbm.basic": "lightgbm",
    "sklearn.neural_network._multilayer_perceptron": "sklearn",
    "sklearn.ensemble._gb": "sklearn",
    "sagemaker_training.environment": "toolkit",
    "sagemaker_containers._env": "toolkit",
}


class ImportWatch:
    """A finder that finds nothing itself. It runs a watcher's `install` after a watched module was executed."""

    def __init__(self) -> None:
        self._waiting = dict(WATCHERS)
        self._looking = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec that the other finders have of a watched module, with a loader that tells us when it is done."""
        if name not in self._waiting or self._looking:
            return None
        self._looking = True
        try:
            spec = next(filter(None, (_ask(each, name, path, target) for each in sys.meta_path)), None)
        finally:
            self._looking = False
        if spec is not None and hasattr(spec.loader, "exec_module"):
            self._listen(spec.loader, name)
        return spec

    def _listen(self, loader: Any, name: str) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            if module.__name__ == name:
                self.install(name, module)

        try:
            loader.exec_module = exec_module
        except AttributeError:  # a loader that holds no attributes of its own cannot be listened to
            return

    def install(self, name: str, module: ModuleType) -> None:
        """Run the watcher of a module that is there. Nothing that it raises reaches the importing script."""
        watcher = self._waiting.pop(name, None)
        if watcher is None:
            return
        try:
            home = f"{_HERE}.{watcher}"
            __import__(home)
            sys.modules[home].install(module)
        except Exception as error:  # noqa: BLE001  (the script imports its framework whether or not we can watch it)
            sys.stderr.write(f"gridwatch_hook: {name} is not watched: {type(error).__name__}: {error}\n")


class AliasFinder:
    """The last finder: it gives `import gridwatch_hook` the carried package where no other is installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec of the carried module under the public name; None for any other module."""
        if name != ALIAS and not name.startswith(f"{ALIAS}."):
            return None
        from importlib.machinery import ModuleSpec  # noqa: PLC0415  (only scripts that ask for us pay for it)

        loader: Any = _AliasLoader(ROOT + name[len(ALIAS) :])
        return ModuleSpec(name, loader, is_package=name == ALIAS)


class _AliasLoader:
    """Loads the carried module of another name, and presents it under the public one."""

    def __init__(self, real: str) -> None:
        self._real = real

    def create_module(self, spec: Any) -> ModuleType | None:
        """A new module, as the import system makes it."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Let the module be the carried one."""
        __import__(self._real)
        sys.modules[module.__name__] = sys.modules[self._real]


def start(folder: str) -> None:
    """Begin to wait for frameworks; `folder` holds the configuration. A second start does nothing."""
    if ACTIVE in sys.modules:
        return
    active = type(sys)(ACTIVE, "Holds what watches this process.")
    active.folder = folder  # type: ignore[attr-defined]
    active.package = ROOT  # type: ignore[attr-defined]
    sys.modules[ACTIVE] = active
    watch = ImportWatch()
    sys.meta_path.insert(0, watch)
    if ROOT != ALIAS:
        sys.meta_path.append(AliasFinder())
    for name in WATCHERS:
        if name in sys.modules:
            watch.install(name, sys.modules[name])


def _ask(finder: Any, name: str, path: Any, target: Any) -> Any:
    find = getattr(finder, "find_spec", None)
    return find(name, path, target) if find is not None else None
