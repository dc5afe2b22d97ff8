"""The process in which a custom rule runs. It reads a request from stdin and writes the verdict to the given file.

Output of the rule goes to stderr. The rule is a subclass of gridwatch_rules.rules.rule.Rule or of smdebug.rules.Rule.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridwatch_rules.clock import SystemClock
from gridwatch_rules.failures import TransientError
from gridwatch_rules.rules.custom import former_names
from gridwatch_rules.rules.custom.answer import as_answer
from gridwatch_rules.rules.custom.packages import THERE, as_deployed
from gridwatch_rules.rules.custom.recorded import RecordedFolder, TensorAccess, holds_profile
from gridwatch_rules.rules.custom.replay import replay
from gridwatch_rules.rules.custom.shim import install
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.tensors.reader import TensorReader

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h; the tensors could not be reached


def main(answer: Path) -> None:
    request = json.loads(sys.stdin.read())
    os.dup2(2, 1)  # the rule may print
    try:
        found = judge(request)
    except TransientError as error:
        sys.stderr.write(str(error))
        sys.exit(TRY_AGAIN)
    except BaseException as error:  # noqa: BLE001 - whatever the user's code raises, SystemExit too, is its verdict
        found = RuleEvaluation(RuleStatus.ERROR, _error_text(error, request["file"]))
    partial = answer.with_suffix(".part")
    partial.write_text(json.dumps(as_answer(found)))
    partial.replace(answer)  # the answer appears wholly or not at all


def judge(request: Mapping[str, Any]) -> RuleEvaluation:
    """Load the class and evaluate it over all saved steps."""
    # The request says how tensors are reached, because this package knows nothing of AWS. All imports for that come
    # before the user's folder is on the path, since a file there may have the name of any module.
    module, _, function = request["opener"].partition(":")
    open_source = getattr(importlib.import_module(module), function)
    location, ended = request["location"], request["ended"]
    source = open_source(location)

    def trial_at(path: str) -> RecordedFolder:
        """Open another job's tensors. It is not known whether that job is over, so it is treated as over with what it
        has saved.
        """
        is_the_job = path.rstrip("/") == location.rstrip("/")
        return RecordedFolder(TensorReader(open_source(path), open_source), ended=ended if is_the_job else True)

    install(TensorAccess(trial_at, open_source))
    former_names.install()
    file = Path(request["file"])
    if request.get("as_deployed"):
        as_deployed(file.parent)
    found = _load(file, request["class"])
    if issubclass(found, Rule):
        return _judge_with_ours(found, TensorReader(source, open_source), request)
    return replay(found, location, request["parameters"], ended=ended, profile=holds_profile(source))


def _judge_with_ours(rule: type[Rule], reader: TensorReader, request: Mapping[str, Any]) -> RuleEvaluation:
    configuration = RuleConfiguration("it", request["class"], request["parameters"])
    evaluation = Evaluation.create([configuration], lambda _, parameters: rule.create(parameters))
    evaluation.advance(reader, now=SystemClock().now(), ended=request["ended"])
    return evaluation.statuses["it"]


def _load(file: Path, class_name: str) -> Any:
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        there = sorted(name for name, value in vars(module).items() if isinstance(value, type))
        raise AttributeError(f"{file.name} has no class {class_name}: there are {', '.join(there) or 'none'}")
    return found


def _error_text(error: BaseException, file: str) -> str:
    """The text of an error, with the last line of the user's own file in its traceback."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f" ({Path(file).name}, line {lines[-1]})" if lines else ""
    lacks = isinstance(error, ModuleNotFoundError) and "rules of users" not in str(error)
    return f"{type(error).__name__}: {error}{where}{f'; rules of users have {THERE}' if lacks else ''}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
