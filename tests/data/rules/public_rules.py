"""Rules as people write them after the public documentation and samples. Nothing in here knows Gridwatch."""
import numpy as np
from smdebug.rules.rule import Rule
from smdebug.core.modes import ModeKeys
from smdebug.exceptions import TensorUnavailableForStep, StepUnavailable, TensorUnavailable
import smdebug
from smdebug.trials import create_trial


class GradientTooBig(Rule):
    def __init__(self, base_trial, threshold=10.0):
        super().__init__(base_trial)
        self.threshold = float(threshold)

    def set_required_tensors(self, step):
        for tname in self.base_trial.tensor_names(collection="gradients"):
            self.req_tensors.add(tname, steps=[step])

    def invoke_at_step(self, step):
        for tensor in self.req_tensors.get():
            abs_mean = tensor.reduction_value(step, "mean", abs=True)
            self.logger.info("%s at %s: %s", tensor.name, step, abs_mean)
            if abs_mean > self.threshold:
                return True
        return False


class LossStuck(Rule):
    def __init__(self, base_trial, name="loss", window="5", eps=1e-3, other_trials=None):
        super().__init__(base_trial, other_trials=other_trials, action_str="")
        self.name, self.window, self.eps = name, int(window), float(eps)

    def set_required_tensors(self, step):
        for t in self.base_trial.tensor_names(regex=self.name):
            self.req_tensors.add(t, steps=self.base_trial.tensor(t).prev_steps(step, self.window))

    def invoke_at_step(self, step):
        for t in self.req_tensors.get():
            steps = t.prev_steps(step, self.window)
            if len(steps) < self.window:
                continue
            v = [float(t.value(s)) for s in steps]
            if max(v) - min(v) < self.eps:
                return True
        return False


class EvalWorse(Rule):
    def __init__(self, base_trial, ratio=1.3):
        super().__init__(base_trial, action_str=None)
        self.ratio = float(ratio)

    def invoke_at_step(self, step):
        if self.base_trial.mode(step) != ModeKeys.EVAL:
            return False
        mode_step = self.base_trial.mode_step(step)
        loss = self.base_trial.tensor("loss")
        ev = loss.value(mode_step, mode=smdebug.modes.EVAL)
        tr_steps = loss.steps(mode=ModeKeys.TRAIN)
        if not tr_steps:
            return False
        past = [s for s in tr_steps if self.base_trial.global_step(ModeKeys.TRAIN, s) < step]
        tr = np.mean([loss.value(s, mode=ModeKeys.TRAIN) for s in past[-3:]])
        return ev > self.ratio * tr


class WeightMoved(Rule):
    """values(), shape, tensor names from a regex with a list, missing tensors"""
    def __init__(self, base_trial, far=1.0):
        super().__init__(base_trial, "")
        self.far = float(far)
        self.first = {}

    def set_required_tensors(self, step):
        self.req_tensors.add(name=".*weight", steps=[step], should_match_regex=True)

    def invoke_at_step(self, step):
        for name in self.req_tensors.get_names():
            t = self.base_trial.tensor(name)
            w = t.value(step)
            w -= 0  # in place
            first = self.first.setdefault(name, w)
            assert t.shape(step) == w.shape
            if np.linalg.norm(w - first) > self.far:
                values = t.values()
                return len(values) > 2
        return False


class PeriodicChecker(Rule):
    """only every n steps; uses collections and workers"""
    def __init__(self, base_trial, coll="losses", every=2, limit=0.25):
        super().__init__(base_trial, "")
        self.c, self.every, self.limit = coll, int(every), float(limit)

    def set_required_tensors(self, step):
        pass

    def invoke_at_step(self, step):
        if step % self.every:
            return False
        try:
            self.base_trial.tensor("nothing")
        except TensorUnavailable:
            pass
        names = self.base_trial.tensor_names(step=step, collection=self.c)
        assert self.base_trial.workers() == ["worker_0"], self.base_trial.workers()
        assert set(names) <= set(self.base_trial.tensor_names())
        for n in names:
            t = self.base_trial.tensor(n)
            assert t.workers(step) == ["worker_0"]
            if t.reduction_value(step, "max") < self.limit:
                return True
        return False


class Compare(Rule):
    def __init__(self, base_trial, other_trials=None, tol=0.1):
        super().__init__(base_trial, action_str="", other_trials=other_trials)
        self.tol = float(tol)
        if len(self.other_trials) != 1:
            raise ValueError("one other trial")
        self.other = self.other_trials[0]

    def set_required_tensors(self, step):
        for t in self.base_trial.tensor_names(regex="weight$", step=step):
            self.req_tensors.add(t, steps=[step])
            self.req_tensors.add(t, steps=[step], trial=self.other)

    def invoke_at_step(self, step):
        for t in self.req_tensors.get(self.other):
            mine = self.base_trial.tensor(t.name).value(step)
            if np.abs(mine - t.value(step)).max() > self.tol:
                return True
        return False

# ruff: noqa - as users write their rules
