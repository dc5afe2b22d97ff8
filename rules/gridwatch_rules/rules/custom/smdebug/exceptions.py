"""smdebug's exceptions, with smdebug's attributes and messages."""

from __future__ import annotations

from gridwatch_rules.rules.custom.smdebug.core.modes import ModeKeys as modes


class SMDebugError(Exception):
    pass


class SMDebugCustomerError(SMDebugError):
    pass


class SMDebugTypeError(SMDebugError, TypeError):
    pass


class SMDebugRuntimeError(SMDebugError, RuntimeError):
    pass


class SMDebugNotImplementedError(SMDebugError, NotImplementedError):
    pass


class SMDebugValueError(SMDebugError, ValueError):
    pass


class InvalidCollectionConfiguration(SMDebugError):
    def __init__(self, c_name: str) -> None:
        self.c_name = c_name

    def __str__(self) -> str:
        return f"Collection {self.c_name} has not been configured.         Please fill in tensor_name or include_regex"


class StepNotYetAvailable(SMDebugError):
    def __init__(self, step: int, mode: modes) -> None:
        self.step = step
        self.mode = mode

    def __str__(self) -> str:
        return f"Step {self.step} of mode {self.mode.name} not yet available"


class MissingCollectionFiles(SMDebugError):
    def __init__(self) -> None:
        pass

    def __str__(self) -> str:
        return "Training job has ended. All the collection files could not be loaded"


class IndexReaderException(SMDebugError):
    def __init__(self, message: str) -> None:
        self.message = message

    def __str__(self) -> str:
        return self.message


class StepUnavailable(SMDebugError):
    def __init__(self, step: int, mode: modes) -> None:
        self.step = step
        self.mode = mode

    def __str__(self) -> str:
        return f"Step {self.step} of mode {self.mode.name} is not available as it was not saved"


class TensorUnavailableForStep(SMDebugError):
    def __init__(self, tname: str, step: int, mode: modes = modes.GLOBAL, has_reductions: bool = False) -> None:
        self.step = step
        self.mode = mode
        self.tname = tname
        self.has_reductions = has_reductions

    def __str__(self) -> str:
        said = (
            f"Value for tensor {self.tname} is not available for step {self.step} "
            f"with mode {self.mode.name} as it was not saved."
        )
        if self.has_reductions:
            said += "This tensor has reductions saved for this step. You might want to query for the reductions."
        return said


class ShapeUnavailableForStep(SMDebugError):
    def __init__(self, tname: str, step: int, mode: modes = modes.GLOBAL) -> None:
        self.step = step
        self.mode = mode
        self.tname = tname

    def __str__(self) -> str:
        return (
            f"Shape for tensor {self.tname} is not available for step {self.step} "
            f"with mode {self.mode.name} as it was not saved."
        )


class TensorUnavailable(SMDebugError):
    def __init__(self, tname: str) -> None:
        self.tname = tname

    def __str__(self) -> str:
        return f"Tensor {self.tname} was not saved."


class InvalidWorker(SMDebugError):
    def __init__(self, worker: str) -> None:
        self.worker = worker

    def __str__(self) -> str:
        return f"Invalid Worker: {self.worker}"


class NoMoreProfilerData(SMDebugError):
    def __init__(self, timestamp: float) -> None:
        self.timestamp = timestamp
        self.msg = f"Looking for timestamp {timestamp} and reached end of training."

    def __str__(self) -> str:
        return self.msg


class NoMoreData(SMDebugError):
    def __init__(self, step: int, mode: modes, last_step: int) -> None:
        self.step = step
        self.mode = mode
        self.last_step = last_step
        self.msg = (
            f"Looking for step {self.step} of mode {self.mode.name} and reached "
            f"end of training. Max step available is {self.last_step}"
        )

    def __str__(self) -> str:
        return self.msg


class RuleEvaluationConditionMet(SMDebugError):
    def __init__(self, rule_name: str, step: int, end_of_rule: bool = False) -> None:
        self.rule_name = rule_name
        self.step = step
        self.end_of_rule = end_of_rule

    def __str__(self) -> str:
        return f"Evaluation of the rule {self.rule_name} at step {self.step} resulted in the condition being met"


class InsufficientInformationForRuleInvocation(SMDebugError):
    def __init__(self, rule_name: str, message: str) -> None:
        self.rule_name = rule_name
        self.message = message

    def __str__(self) -> str:
        return f"Insufficient information to invoke rule {self.rule_name}: {self.message}"
