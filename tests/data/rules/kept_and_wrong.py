"""Rule classes after those that people keep what they saw in, after AWS's rules on the profile, and after files that are
wrong in some way. Nothing in here knows Gridwatch. Where a rule keeps what it saw, it tells it at the end of the data.
"""
import collections
import copy
import logging
import pickle
import numpy as np
import smdebug
import smdebug.xgboost as smd
from smdebug import modes
from smdebug.core.logger import get_logger
from smdebug.exceptions import *
from smdebug.exceptions import NoMoreData, RuleEvaluationConditionMet
from smdebug.rules.rule import Rule
logger = get_logger()
logger.setLevel(logging.ERROR)


class Keeps(Rule):
    """Tells what it kept when there is no more data."""
    def __init__(self, base_trial, action_str=None):
        super().__init__(base_trial, action_str)
        self.tensors = collections.OrderedDict()

    def invoke(self, step):
        try:
            super().invoke(step)
        except NoMoreData as e:
            raise RuntimeError(told(self.tensors)) from e


def told(kept):
    if isinstance(kept, dict):
        return "{" + ", ".join(f"{key}: {told(value)}" for key, value in kept.items()) + "}"
    if isinstance(kept, (list, tuple)):
        return "[" + ", ".join(map(told, kept)) + "]"
    if isinstance(kept, np.ndarray):
        return f"{kept.dtype}{kept.shape}{np.round(kept.astype(float), 4).tolist() if kept.dtype.kind in 'fiub' else kept.tolist()}"
    return f"{kept:.5g}" if isinstance(kept, (float, np.floating)) else str(kept)


class ActivationsByLayer(Keeps):
    """Sums a layer's outputs over the batch; whatever cannot be read is passed over."""
    def invoke_at_step(self, step):
        for tname in self.base_trial.tensor_names(regex=".*relu_output"):
            if "gradients" not in tname:
                try:
                    tensor = self.base_trial.tensor(tname).value(step)
                    layer = self.tensors.setdefault(tname, collections.OrderedDict())
                    layer.setdefault(step, 0)
                    below = np.where(tensor <= 0)[0]
                    if len(below) > 0:
                        self.logger.info(f"{tname} has {len(below) / tensor.size * 100}% at {step}")
                    layer[step] += np.sum(tensor, axis=0) / tensor.shape[0]
                except:
                    self.logger.warning(f"Can not fetch tensor {tname}")
        return False


class GradientsByLayer(Keeps):
    def invoke_at_step(self, step):
        for tname in self.base_trial.tensor_names(regex=".*gradient"):
            try:
                tensor = self.base_trial.tensor(tname).value(step)
                self.tensors.setdefault(tname, {})[step] = tensor
                self.logger.info(f"{np.min(tensor)} to {np.max(tensor)}")
            except:
                self.logger.warning(f"Can not fetch tensor {tname}")
        return False


class VarianceAcrossLayers(Keeps):
    def invoke_at_step(self, step):
        for tname in self.base_trial.tensor_names(regex=".*weight"):
            try:
                found = self.base_trial.tensor(tname).value(step)
                least_and_most = self.tensors.setdefault(step, [np.inf, 0])
                variance = np.var(found.flatten())
                if variance < least_and_most[0]:
                    least_and_most[0] = variance
                elif variance > least_and_most[1]:
                    least_and_most[1] = variance
                self.logger.info(f"ratio {least_and_most[1] / least_and_most[0]}")
            except:
                self.logger.warning(f"Can not fetch tensor {tname}")
        return False


class InputsByLayer(Keeps):
    def invoke_at_step(self, step):
        for tname in self.base_trial.tensor_names(regex=".*input"):
            if "relu" not in tname:
                try:
                    self.tensors.setdefault(tname, {})[step] = self.base_trial.tensor(tname).value(step)
                except Exception:
                    pass
        return False


class accuracy_dropped(Rule):
    """Counts over all evaluation steps, reached by what a trial keeps for itself."""
    def __init__(self, base_trial, predictions="predictions", labels="labels", previous_accuracy=0.9, threshold=0.05):
        super().__init__(base_trial)
        self.base_trial = base_trial
        self.labels, self.predictions = labels, predictions
        self.previous_accuracy, self.threshold = float(previous_accuracy), float(threshold)
        self.correct = self.samples = 0

    def invoke_at_step(self, step):
        if self.base_trial._global_to_mode[step][0] == modes.EVAL:
            step = self.base_trial._global_to_mode[step][1]
            predicted = np.argmax(self.base_trial.tensor(self.predictions).value(step, mode=modes.EVAL), axis=1)
            labels = self.base_trial.tensor(self.labels).value(step, mode=modes.EVAL)
            self.correct += np.sum(predicted == labels)
            self.samples += predicted.shape[0]
            if self.previous_accuracy - self.correct / self.samples > self.threshold:
                return True
        return False


class WeightsInTraining(Rule):
    """step_num and mode by name, all steps of a mode at once."""
    def __init__(self, base_trial, threshold=2.0):
        super().__init__(base_trial)
        self.threshold = float(threshold)

    def invoke_at_step(self, step):
        spread = []
        for tname in self.base_trial.tensor_names(collection="weights", mode=smd.modes.TRAIN):
            tensor = self.base_trial.tensor(tname)
            for at in self.base_trial.steps(mode=smd.modes.TRAIN):
                spread.append((tname, tensor.reduction_value(at, "variance", mode=smd.modes.TRAIN)))
                tensor.value(step_num=at, worker=None, mode=smd.modes.TRAIN)
        values = np.array([each[1] for each in spread])
        return values.max() / (values.min() + 1e-9) > self.threshold


class Unchanged(Rule):
    def __init__(self, base_trial, tensor_regex=".*", num_steps="3", rtol=1e-5, atol=1e-8):
        super().__init__(base_trial, action_str="")
        self.regex, self.n, self.rtol, self.atol = tensor_regex.split(","), int(num_steps), float(rtol), float(atol)

    def set_required_tensors(self, step):
        for name in self.base_trial.tensor_names(step=step, regex=self.regex):
            self.req_tensors.add(name, self.base_trial.tensor(name).prev_steps(step, self.n))

    def invoke_at_step(self, step):
        for tensor in self.req_tensors.get():
            steps = self.req_tensors.get_tensor_steps(tensor.name)
            if len(steps) < self.n:
                continue
            values = [tensor.value(at) for at in steps]
            if values[0].dtype.kind in "fiub" and all(
                v.shape == values[0].shape and np.allclose(v, values[0], self.rtol, self.atol) for v in values[1:]
            ):
                return True
        return False


class ConfusionGrows(Rule):
    def __init__(self, base_trial, category_no=None, labels="labels", predictions="predictions", min_diag="0.3"):
        super().__init__(base_trial, action_str="")
        self.n = int(category_no) if category_no else None
        self.labels, self.predictions, self.min_diag = labels, predictions, float(min_diag)

    def set_required_tensors(self, step):
        for name in (self.labels, self.predictions):
            self.req_tensors.add(name, steps=[step])

    def invoke_at_step(self, step):
        y = self.base_trial.tensor(self.labels).value(step)
        yhat = self.base_trial.tensor(self.predictions).value(step)
        if yhat.ndim > 1:
            yhat = np.argmax(yhat, axis=1)
        n = self.n or int(max(y.max(), yhat.max())) + 1
        table = np.zeros((n, n))
        np.add.at(table, (y.astype(int), yhat.astype(int)), 1)
        share = np.diag(table) / np.maximum(table.sum(axis=1), 1)
        return bool((share < self.min_diag).all())


class AllZeroShare(Rule):
    def __init__(self, base_trial, threshold="20.0"):
        super().__init__(base_trial=base_trial, action_str="")
        self.threshold = float(threshold)

    def invoke_at_step(self, step):
        for tname in self.base_trial.tensor_names(collection="weights"):
            flat = self.base_trial.tensor(tname).value(step).reshape(-1)
            zeros = sum(1 for i in range(np.size(flat)) if flat[i].item() == 0)
            if zeros / np.size(flat) * 100 > self.threshold:
                return True
        return False


class Saturated(Keeps):
    """How long each neuron has been out of bounds, over many steps."""
    def __init__(self, base_trial, low="-1", high="1"):
        super().__init__(base_trial)
        self.low, self.high = float(low), float(high)

    def invoke_at_step(self, step):
        for tname in self.base_trial.tensor_names(regex="attention|relu", step=step):
            value = self.base_trial.tensor(tname).value(step)
            out = ((value < self.low) | (value > self.high)).reshape(value.shape[0], -1).all(axis=0)
            before = self.tensors.get(tname)
            self.tensors[tname] = np.where(out, (before if before is not None else 0) + 1, 0)
            if self.tensors[tname].max() > 3:
                return True


class EvalAboveTrain(Rule):
    """All values of both phases, in the order of their steps."""
    def __init__(self, base_trial, patience="2"):
        super().__init__(base_trial)
        self.patience, self.history = int(patience), []

    def invoke_at_step(self, step):
        tensor = self.base_trial.tensor("loss")
        train = [tensor.value(s, modes.TRAIN) for s in tensor.steps(modes.TRAIN) if self.base_trial.global_step(modes.TRAIN, s) <= step]
        evaluated = [tensor.value(s, modes.EVAL) for s in tensor.steps(modes.EVAL) if self.base_trial.global_step(modes.EVAL, s) <= step]
        if not train or not evaluated:
            return False
        self.history.append(float(np.mean(evaluated[-1]) - np.mean(train[-1])))
        return len(self.history) >= self.patience and all(d > -1 for d in self.history[-self.patience:])


class EveryWorker(Keeps):
    def invoke_at_step(self, step):
        for name in self.base_trial.tensor_names(step=step):
            tensor = self.base_trial.tensor(name)
            row = self.tensors.setdefault(name, {}).setdefault(step, {})
            for worker in self.base_trial.workers():
                try:
                    row[worker] = tensor.value(step, worker=worker)
                except Exception as error:
                    row[worker] = f"{type(error).__name__} {error}"


class ByReductions(Keeps):
    def invoke_at_step(self, step):
        for coll in self.base_trial.collections().values():
            for name in self.base_trial.tensor_names(collection=coll.name, step=step):
                tensor = self.base_trial.tensor(name)
                try:
                    for (kind, absolute), value in sorted(tensor.reduction_values(step).items()):
                        self.tensors.setdefault(name, {})[step, kind, absolute] = [str(value.dtype), value.shape, value]
                        assert tensor.reduction_value(step, kind, abs=absolute) == value
                except (TensorUnavailableForStep, TensorUnavailable) as error:
                    self.tensors[name, step] = str(error)


class PeeksAhead(Keeps):
    def invoke_at_step(self, step):
        for ahead in (step + 1, step + 10**5):
            try:
                self.tensors[step, ahead] = self.base_trial.tensor("loss").value(ahead)
            except Exception as error:
                self.tensors[step, ahead] = type(error).__name__
        self.tensors[step] = [self.base_trial.has_passed_step(step + i).name for i in range(-1, 3)]


class TwoRulesInOne(Rule):
    """One rule asks others, as reports do."""
    def __init__(self, base_trial):
        super().__init__(base_trial)
        self.rules = [Unchanged(base_trial), AllZeroShare(base_trial), GradientsByLayer(base_trial)]
        self.fired = {}

    def invoke_at_step(self, step):
        for rule in self.rules:
            try:
                if rule.invoke_at_step(step):
                    self.fired.setdefault(rule.rule_name, step)
                rule.invoke(step)
            except RuleEvaluationConditionMet as met:
                self.fired.setdefault(met.rule_name, met.step)
            except Exception as error:
                self.fired[type(error).__name__] = step
        if len(self.fired) > 1:
            raise ValueError(str(self.fired))


class OwnLoop(Rule):
    """Asks for all there is at the first step and says its own."""
    def invoke_at_step(self, step):
        last = None
        for each in self.base_trial.steps():
            if self.base_trial.has_tensor("loss") and each in self.base_trial.tensor("loss").steps():
                last = each
        raise RuleEvaluationConditionMet("OwnLoop", last)


class FiresLate(Rule):
    """Truth of other kinds than bool."""
    def invoke_at_step(self, step):
        loss = self.base_trial.tensor("loss").value(step)
        return [np.mean(loss) < 0.4] if np.mean(loss) < 0.4 else np.bool_(False)


class FiresWithArray(Rule):
    def invoke_at_step(self, step):
        return self.base_trial.tensor("fc.weight").value(step) > 10


class Raises(Rule):
    def invoke_at_step(self, step):
        if step >= 2:
            assert self.base_trial.tensor("loss").value(step) < 0, f"loss at {step}"


class Exits(Rule):
    def invoke_at_step(self, step):
        raise StepNotYetAvailable(step, modes.TRAIN)


class OldNames(Rule):
    def invoke_at_step(self, step):
        return len(self.base_trial.tensors(collection="gradients")) > 0


class NoInvokeAtStep(Rule):
    def __init__(self, base_trial):
        super().__init__(base_trial)


class NeverInitialised(Rule):
    def __init__(self, base_trial, threshold=10.0):
        self.threshold = float(threshold)

    def invoke_at_step(self, step):
        return True


class WrongParameter(Rule):
    def __init__(self, base_trial, threshold="ten"):
        super().__init__(base_trial)
        self.threshold = float(threshold)

    def invoke_at_step(self, step):
        return True


class BaseIsEnough(Rule):
    """Looks at no tensor."""
    def invoke_at_step(self, step):
        return len(self.base_trial.steps()) > 3 and step > 2 and smdebug.__version__.startswith("1.")


class NotARule:
    def __init__(self, base_trial, limit="3"):
        self.base_trial, self.limit = base_trial, int(limit)

    def invoke(self, step):
        self.base_trial.wait_for_steps([step])
        if step > self.limit:
            raise RuleEvaluationConditionMet("NotARule", step)



class TellTypes(Rule):
    """What is looked at of a value that is not a number."""
    def invoke_at_step(self, step):
        said = []
        for name in self.base_trial.tensor_names(step=step):
            try:
                value = self.base_trial.tensor(name).value(step)
            except TensorUnavailableForStep as error:
                said.append([error.args, sorted(vars(error))])
                continue
            again = [pickle.loads(pickle.dumps(value)), copy.deepcopy(value), value.T, value.reshape(-1)]
            for each in (value, *again):
                kind = type(each)
                said.append([kind.__name__, str(kind), kind == np.ndarray, np.ndarray == kind, kind in (list, np.ndarray)])
                said.append([{np.ndarray: 1}.get(kind), kind != np.ndarray, kind == list, isinstance(each, np.ndarray)])
        raise ValueError(str(said))


class TellOrder(Rule):
    """The order in which a trial has its phases and steps."""
    def invoke_at_step(self, step):
        trial = self.base_trial
        raise ValueError(str([
            [mode.name for mode in trial.modes()], list(trial._global_to_mode), list(trial.workers_for_global_step),
            list(trial.global_step_to_tensors_map), {m.name: list(s.items()) for m, s in trial._mode_to_global.items()},
        ]))


class AsksOddly(Rule):
    """For what can be no tensor."""
    def invoke_at_step(self, step):
        for what in (3, None, ("loss",)):
            try:
                self.base_trial.tensor(what)
            except TensorUnavailable as error:
                assert error.tname == what
        return False

# ruff: noqa - as users write their rules
