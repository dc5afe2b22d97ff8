"""Rules as users of smdebug wrote them, after its documentation's pattern. Nothing in here knows Gridwatch."""

import os

from smdebug import modes
from smdebug.exceptions import TensorUnavailableForStep
from smdebug.rules.rule import Rule


class CustomGradientRule(Rule):
    def __init__(self, base_trial, threshold=10.0):
        super().__init__(base_trial)
        self.threshold = float(threshold)

    def invoke_at_step(self, step):
        for tname in self.base_trial.tensor_names(collection="gradients"):
            t = self.base_trial.tensor(tname)
            abs_mean = t.reduction_value(step, "mean", abs=True)
            if abs_mean > self.threshold:
                return True
        return False


class LossNeverFalls(Rule):
    def __init__(self, base_trial, action_str="", back="3"):
        super().__init__(base_trial, action_str)
        self.back = int(back)

    def set_required_tensors(self, step):
        self.req_tensors.add("loss", steps=[step])
        for tname in self.base_trial.tensor_names(regex=["^lo"]):
            self.req_tensors.add(tname, self.base_trial.tensor(tname).prev_steps(step, self.back))

    def invoke_at_step(self, step):
        print("looking at", step)
        (loss,) = self.req_tensors.get()
        steps = self.req_tensors.get_tensor_steps("loss")
        assert steps[-1] == step
        if len(set(steps)) < self.back:
            return False
        assert self.base_trial.mode(step) in (modes.TRAIN, modes.EVAL)
        return loss.value(step) >= loss.value(min(steps))


class AtEvaluation(Rule):
    def invoke_at_step(self, step):
        t = self.base_trial.tensor("loss")
        if step not in t.steps():
            raise TensorUnavailableForStep("loss", step)
        evaluated = self.base_trial.steps(mode=modes.EVAL)
        return self.base_trial.mode_step(step) == 1 and self.base_trial.global_step(modes.EVAL, 1) == step and evaluated


class Raises(Rule):
    def invoke_at_step(self, step):
        return {}["nothing at %d" % step]


class Hangs(Rule):
    def invoke_at_step(self, step):
        while True:
            pass


class Dies(Rule):
    def invoke_at_step(self, step):
        os._exit(7)


class NoRule:
    def invoke_at_step(self, step):
        return True


class Differs(Rule):
    def __init__(self, base_trial, other_trials):
        super().__init__(base_trial, other_trials=other_trials)

    def invoke_at_step(self, step):
        other = self.other_trials[0]
        return self.base_trial.tensor("loss").value(step)[0] != other.tensor("loss").value(step)[0]

# ruff: noqa - as users write their rules
