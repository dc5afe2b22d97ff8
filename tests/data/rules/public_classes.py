"""Rule classes of the kinds that AWS's notebooks, its documentation and public repositories hold. Nothing in here knows
Gridwatch. Those named Tell… say all that they saw as an error, so that two runs of them can be compared word by word.
"""
import numpy as np
import smdebug.xgboost as smd
from smdebug import modes
from smdebug.analysis.utils import no_refresh, parse_bool, parse_list_from_str, refresh
from smdebug.core.collection import CollectionKeys
from smdebug.core.logger import get_logger
from smdebug.core.modes import ModeKeys
from smdebug.core.tensor import StepState
from smdebug.core.utils import match_inc
from smdebug.exceptions import *
from smdebug.exceptions import NoMoreData, RuleEvaluationConditionMet
from smdebug.profiler.utils import TimeUnits
from smdebug.rules import Rule
from smdebug.rules.action import Actions
from smdebug.rules.rule_invoker import invoke_rule
from smdebug.trials import create_trial

logger = get_logger()


class VanishingGradient(Rule):
    def __init__(self, base_trial, threshold=1e-7):
        super().__init__(base_trial, action_str="")
        self.threshold = float(threshold)

    def set_required_tensors(self, step):
        for tname in self.base_trial.tensor_names(collection=CollectionKeys.GRADIENTS):
            self.req_tensors.add(tname, steps=[step])

    def invoke_at_step(self, step):
        for tensor in self.req_tensors.get():
            abs_mean = tensor.reduction_value(step, "mean", abs=True)
            if abs_mean <= self.threshold:
                self.logger.info(f"step {step}, {tensor.name}: {abs_mean}")
                return True
        return False


class CustomGradientRule(Rule):
    def __init__(self, base_trial, threshold=0.5):
        super().__init__(base_trial)
        self.threshold = float(threshold)

    def invoke_at_step(self, step):
        for tname in self.base_trial.tensor_names(collection="gradients"):
            t = self.base_trial.tensor(tname)
            abs_mean = t.reduction_value(step, "mean", abs=True)
            if abs_mean > self.threshold:
                return True
        return False


class ExplodingTensor(Rule):
    def __init__(self, base_trial, collection_names=None, tensor_regex=None, only_nan="False"):
        super().__init__(base_trial, action_str="")
        self.only_nan = parse_bool(only_nan, False)
        self.collections = parse_list_from_str(collection_names)
        self.regexes = parse_list_from_str(tensor_regex) or [".*"]

    def invoke_at_step(self, step):
        for name in self.base_trial.tensor_names(step=step, regex=self.regexes):
            try:
                value = self.base_trial.tensor(name).value(step)
            except TensorUnavailableForStep:
                continue
            if value.dtype.kind not in "fc":
                continue
            if np.isnan(value).any() or (not self.only_nan and np.isinf(value).any()):
                return True
        return False


class ActivationOutputs(Rule):
    def __init__(self, base_trial, regex="relu_output", ratio="0.5"):
        super().__init__(base_trial, action_str="")
        self.regex, self.ratio = regex, float(ratio)

    def set_required_tensors(self, step):
        self.req_tensors.add(self.regex, steps=[step], should_match_regex=True)

    def invoke_at_step(self, step):
        names = list(self.req_tensors.get_names())
        for name in names:
            values = self.base_trial.tensor(name).value(step)
            if np.mean(values <= 0) > self.ratio:
                return True
        return False


class WeightSparsity(Rule):
    def __init__(self, base_trial, threshold_layer=0.05, epsilon=1e-3):
        super().__init__(base_trial, action_str="")
        self.threshold, self.epsilon = float(threshold_layer), float(epsilon)

    def invoke_at_step(self, step):
        total, zeros = 0, 0
        for name in self.base_trial.tensor_names(collection="weights"):
            weight = self.base_trial.tensor(name).value(step)
            total += np.prod(weight.shape)
            zeros += np.count_nonzero(np.abs(weight) < self.epsilon)
        return total > 0 and zeros / total > self.threshold


class WeightUpdateRatio(Rule):
    def __init__(self, base_trial, num_steps=1, large=1.0, small=1e-8):
        super().__init__(base_trial, action_str="")
        self.n, self.large, self.small = int(num_steps), float(large), float(small)

    def set_required_tensors(self, step):
        for name in self.base_trial.tensor_names(regex="weight$"):
            tensor = self.base_trial.tensor(name)
            if step in tensor.steps():
                self.req_tensors.add(name, steps=tensor.prev_steps(step, self.n + 1))

    def invoke_at_step(self, step):
        for tensor in self.req_tensors.get():
            steps = self.req_tensors.get_tensor_steps(tensor.name)
            if len(steps) <= self.n:
                continue
            old, new = tensor.value(steps[0]), tensor.value(steps[-1])
            update = np.abs(new - old).mean() / (np.abs(old).mean() + 1e-12)
            if update > self.large or update < self.small:
                return True
        return False


class AttentionEntropy(Rule):
    """As the notebook on BERT's attention heads looks at them."""
    def __init__(self, base_trial, limit=1.0):
        super().__init__(base_trial, action_str="")
        self.limit = float(limit)

    def invoke_at_step(self, step):
        for name in sorted(self.base_trial.tensor_names(regex=".*attention.*output")):
            heads = self.base_trial.tensor(name).value(step, mode=modes.GLOBAL)
            probability = np.exp(heads) / np.exp(heads).sum(axis=-1, keepdims=True)
            entropy = -(probability * np.log(probability)).sum(axis=-1)
            if entropy.min() < self.limit:
                return True
        return False


class ClassImbalance(Rule):
    def __init__(self, base_trial, labels_regex="labels", limit=3.0):
        super().__init__(base_trial, action_str="")
        self.counts, self.regex, self.limit = {}, labels_regex, float(limit)

    def invoke_at_step(self, step):
        for name in self.base_trial.tensor_names(regex=self.regex):
            for label, count in zip(*np.unique(self.base_trial.tensor(name).value(step), return_counts=True)):
                self.counts[label] = self.counts.get(label, 0) + count
        if len(self.counts) < 2:
            return False
        return max(self.counts.values()) / min(self.counts.values()) > self.limit


class PredictionsAgainstLabels(Rule):
    def invoke_at_step(self, step):
        labels = self.base_trial.labels(step)
        predictions = self.base_trial.predictions(step)
        if not labels or not predictions:
            return False
        return np.mean(np.argmax(predictions[0], axis=-1) == labels[0]) < 0.5


class LossNotDecreasing(Rule):
    def __init__(self, base_trial, num_steps=3, diff_percent=0.1, mode=None):
        super().__init__(base_trial, action_str="")
        self.n, self.diff = int(num_steps), float(diff_percent)
        self.mode = ModeKeys[mode] if mode else ModeKeys.GLOBAL

    def invoke_at_step(self, step):
        if self.mode != ModeKeys.GLOBAL:
            if self.base_trial.mode(step) != self.mode:
                return False
            step = self.base_trial.mode_step(step)
        for name in self.base_trial.tensor_names(collection="losses"):
            loss = self.base_trial.tensor(name)
            steps = loss.prev_steps(step, n=self.n, mode=self.mode)
            if len(steps) < self.n:
                continue
            values = [float(np.mean(loss.value(each, mode=self.mode))) for each in steps]
            if (values[0] - values[-1]) / abs(values[0]) < self.diff / 100:
                return True
        return False


class Overfit(Rule):
    def __init__(self, base_trial, ratio=0.5, patience=0):
        super().__init__(base_trial, action_str="")
        self.ratio, self.patience, self.times = float(ratio), int(patience), 0

    def invoke_at_step(self, step):
        if self.base_trial.mode(step) is not ModeKeys.EVAL:
            return False
        loss = self.base_trial.tensor(self.base_trial.tensor_names(collection="losses")[0])
        evaluated = loss.value(self.base_trial.mode_step(step), mode=ModeKeys.EVAL)
        trained = np.mean(list(loss.values(mode=ModeKeys.TRAIN).values()))
        self.times = self.times + 1 if evaluated > self.ratio * trained else 0
        return self.times > self.patience


class WorkersDisagree(Rule):
    def __init__(self, base_trial, tolerance=1e-3):
        super().__init__(base_trial, action_str="")
        self.tolerance = float(tolerance)

    def invoke_at_step(self, step):
        for name in self.base_trial.tensor_names(step=step):
            tensor = self.base_trial.tensor(name)
            values = [tensor.value(step, worker=worker) for worker in tensor.workers(step)]
            if len(values) > 1 and np.ptp([value.mean() for value in values]) > self.tolerance:
                return True
        return False


class OneWorker(Rule):
    def __init__(self, base_trial, worker="worker_1"):
        super().__init__(base_trial, action_str="")
        self.worker = worker

    def invoke_at_step(self, step):
        tensor = self.base_trial.tensor("loss")
        try:
            return tensor.value(step, worker=self.worker) > 0.75
        except InvalidWorker as error:
            self.logger.warning(str(error))
            return False


class UnknownWorker(Rule):
    def invoke_at_step(self, step):
        return self.base_trial.tensor("loss").value(step, worker="nobody") is None


class CompareTrials(Rule):
    def __init__(self, base_trial, other_trials=None, tolerance=1e-4):
        super().__init__(base_trial, action_str="", other_trials=other_trials)
        self.tolerance = float(tolerance)

    def set_required_tensors(self, step):
        for name in self.base_trial.tensor_names(regex="weight$"):
            self.req_tensors.add(name, [step])
            self.req_tensors.add(name, [step], trial=self.other_trials[0])

    def invoke_at_step(self, step):
        other = self.other_trials[0]
        for tensor in self.req_tensors.get():
            if not np.allclose(tensor.value(step), other.tensor(tensor.name).value(step), atol=self.tolerance):
                return True
        return False


class SavedReductions(Rule):
    def __init__(self, base_trial, kind="mean", limit=0.5):
        super().__init__(base_trial, action_str="")
        self.kind, self.limit = kind, float(limit)

    def invoke_at_step(self, step):
        for name in self.base_trial.tensor_names(step=step):
            value = self.base_trial.tensor(name).reduction_value(step, self.kind, abs=True)
            if value.item() > self.limit and value.dtype == np.float64:
                return True
        return False


class InvalidReduction(Rule):
    def invoke_at_step(self, step):
        return self.base_trial.tensor("loss").reduction_value(step, "median") > 0


class OnlyReductions(Rule):
    """has_reductions of the exception."""
    def invoke_at_step(self, step):
        for name in self.base_trial.tensor_names(step=step):
            try:
                self.base_trial.tensor(name).value(step)
            except TensorUnavailableForStep as error:
                return error.has_reductions and error.tname == name and error.step == step and "reductions" in str(error)
        return False


class ShapeChanged(Rule):
    def __init__(self, base_trial):
        super().__init__(base_trial, action_str="")
        self.shapes = {}

    def invoke_at_step(self, step):
        for name in self.base_trial.tensor_names(step=step):
            try:
                shape = self.base_trial.tensor(name).shape(step)
            except ShapeUnavailableForStep:
                continue
            if self.shapes.setdefault(name, shape) != shape:
                return True
        return False


class EmbeddingTooLarge(Rule):
    def __init__(self, base_trial, most=10):
        super().__init__(base_trial, action_str="")
        self.most = int(most)

    def invoke_at_step(self, step):
        tensor = self.base_trial.tensor("w")
        return np.prod(tensor.shape(step)) > self.most and tensor.original_name == "w:0"


class Counts(Rule):
    """With an invoke of its own: asked about every number."""
    def __init__(self, base_trial, until=7):
        super().__init__(base_trial, action_str="")
        self.calls, self.until = [], int(until)

    def invoke_at_step(self, step):
        return False

    def invoke(self, step):
        self.calls.append(step)
        if len(self.calls) == self.until:
            raise RuleEvaluationConditionMet(self.rule_name, step)


class CallsSuper(Rule):
    def __init__(self, base_trial):
        super().__init__(base_trial, action_str="")
        self.passed = 0

    def invoke_at_step(self, step):
        return self.passed > 2

    def invoke(self, step):
        try:
            super().invoke(step)
        except StepUnavailable:
            self.passed += 1
            raise


class EndsItself(Rule):
    def invoke_at_step(self, step):
        if step > 3:
            raise NoMoreData(step, modes.TRAIN, 3)
        return False


class EndOfRule(Rule):
    def invoke_at_step(self, step):
        if step >= 4:
            raise RuleEvaluationConditionMet(self.rule_name, step, end_of_rule=True)


class LooksAhead(Rule):
    def set_required_tensors(self, step):
        self.req_tensors.add("loss", [step, step + 1])

    def invoke_at_step(self, step):
        return step >= 3


class MissingTensor(Rule):
    def set_required_tensors(self, step):
        self.req_tensors.add("no_such_tensor", [step])

    def invoke_at_step(self, step):
        return True


class WaitsForEvaluation(Rule):
    def invoke_at_step(self, step):
        self.base_trial.wait_for_steps([0, 1], mode=modes.EVAL)
        return step > 1


class Patience(Rule):
    def __init__(self, base_trial, name="loss", patience="3", minimum="0.01"):
        super().__init__(base_trial, action_str="")
        self.name, self.patience, self.minimum = name, int(patience), float(minimum)
        self.best, self.since = np.inf, 0

    def set_required_tensors(self, step):
        self.req_tensors.add(self.name, steps=[step])

    def invoke_at_step(self, step):
        value = self.base_trial.tensor(self.name).value(step).item()
        self.best, self.since = (value, 0) if value < self.best - self.minimum else (self.best, self.since + 1)
        self.report["Datapoints"] += 1
        self.report["Violations"] += self.since > 0
        return self.since >= self.patience


class Every(Rule):
    """Regular expressions as text, list and nested list."""
    def invoke_at_step(self, step):
        names = self.base_trial.tensor_names
        return (
            step > 1
            and names(regex="loss") == names(regex=["loss"]) == names(regex=[["loss"]])
            and [name for name in names() if match_inc(name, ["eight$"])] == names(regex="eight$")
        )


class BothGiven(Rule):
    def invoke_at_step(self, step):
        return self.base_trial.tensor_names(regex="loss", collection="losses")


class NoCollection(Rule):
    def invoke_at_step(self, step):
        return self.base_trial.tensor_names(collection=3)


class CollectionObject(Rule):
    def invoke_at_step(self, step):
        found = self.base_trial.collection("losses")
        return step > 0 and self.base_trial.tensor_names(collection=found) == self.base_trial.tensor_names(
            collection="losses"
        ) and CollectionKeys.LOSSES in self.base_trial.collections()


class PredictNames(Rule):
    def invoke_at_step(self, step):
        return self.base_trial.tensor_names(mode=smd.modes.PREDICT) == []


class UnsavedModeStep(Rule):
    def invoke_at_step(self, step):
        return self.base_trial.tensor_names(step=10**6, mode=modes.EVAL)


class TellTrial(Rule):
    """All that a trial says of itself."""
    def invoke_at_step(self, step):
        trial = self.base_trial
        if step < 6:
            return False
        said = [
            trial.name, trial.steps(), trial.steps(show_incomplete_steps=True), list(trial.modes()), trial.workers(),
            [trial.steps(mode=mode) for mode in ModeKeys], trial.loaded_all_steps, trial.last_complete_step,
            trial.num_workers, trial.mode(step), trial.mode_step(step), trial.mode_modestep(step + 10**6),
            trial.global_step(modes.TRAIN, 1), trial.global_step(modes.GLOBAL, 3), trial.global_step(modes.EVAL, 99),
            sorted(trial.collections()), trial.collection("losses").include_regex,
            [trial.has_passed_step(each).name for each in (0, 1, 5, step, 10**6)], trial.dynamic_refresh,
            sorted(trial.workers_for_global_step.items(), key=lambda item: item[0])[:3] and
            [sorted(each) for each in trial.workers_for_global_step.values()], trial.has_tensor("loss"),
            trial.has_tensor("nothing"), trial._global_to_mode, trial._mode_to_global, trial.tensor_names(),
            trial.tensor_names(step=step), trial.tensor_names(collection="losses"), trial.inputs(step) == [],
        ]
        raise ValueError(repr(said))


class TellTensors(Rule):
    """All that tensors say of themselves."""
    def invoke_at_step(self, step):
        if step < 4:
            return False
        said = []
        for name in self.base_trial.tensor_names():
            tensor = self.base_trial.tensor(name)
            said.append([name, tensor.original_name, tensor.steps(), tensor.prev_steps(step, 2), tensor.prev_steps(3)])
            said += [tensor.steps(mode=mode) for mode in ModeKeys]
            for ask in (
                lambda: tensor.value(step), lambda: tensor.shape(step), lambda: tensor.reduction_values(step),
                lambda: tensor.workers(step), lambda: tensor.reduction_value(step, "l2"),
                lambda: tensor.reduction_value(step, "std", abs=True), lambda: tensor.value(0, mode=modes.EVAL),
                lambda: tensor.value(10**6), lambda: tensor.values(mode=modes.EVAL), lambda: tensor.step(step),
                lambda: tensor.value(step, worker="worker_1"), lambda: tensor.reduction_value(step, "nothing"),
            ):
                try:
                    found = ask()
                    said.append([type(found).__name__ if not isinstance(found, np.ndarray) else str(found.dtype), told(found)])
                except Exception as error:
                    said.append([type(error).__name__, [base.__name__ for base in type(error).__mro__], str(error)])
        raise ValueError(repr(said))


def told(found):
    if isinstance(found, np.ndarray):
        return found.tolist()
    if isinstance(found, dict):
        return {key: told(value) for key, value in found.items()}
    return repr(found)


class TellRefresh(Rule):
    def __init__(self, base_trial):
        super().__init__(base_trial, action_str="")
        self.said = [base_trial.loaded_all_steps, base_trial.dynamic_refresh, base_trial.last_complete_step]

    def invoke_at_step(self, step):
        with no_refresh(self.trials):
            self.said.append(self.base_trial.dynamic_refresh)
        with refresh(self.base_trial):
            self.said.append(self.base_trial.dynamic_refresh)
        self.said += [self.base_trial.dynamic_refresh, self.base_trial.loaded_all_steps, self.rule_name, self.report]
        raise KeyError(str(self.said))


class TellPrivate(Rule):
    """What no documentation names."""
    def invoke_at_step(self, step):
        trial = self.base_trial
        inside = {
            name: {
                mode.name: {
                    number: {
                        worker: [
                            each.step_num, each.shape, each.value is None, sorted(each.reduction_locations()),
                            each.location and [each.location.tensorname, each.location.mode_step, each.location.start_idx,
                                               each.location.length, each.location.worker,
                                               each.location.event_file_name.rpartition("/")[2], each.location.to_dict()],
                        ]
                        for worker, each in sorted(by_worker.items())
                    }
                    for number, by_worker in sorted(steps._steps.items())
                }
                for mode, steps in sorted(tensor._mode_steps.items(), key=lambda item: item[0].value)
            }
            for name, tensor in sorted(trial._tensors.items())
        }
        said = [
            inside, sorted(trial.index_tensors_dict), {key: sorted(value) for key, value in trial.global_step_to_tensors_map.items()},
            {str(key): sorted(value) for key, value in trial.mode_to_tensors_map.items()}, trial.parallel, trial.check,
            trial.range_steps, trial.cache, trial.index_mode, trial.trial_dir == trial.path, trial.index_reader.path == trial.path,
            [str(each) for each in trial.collections().values()], repr(trial.collection_manager),
            trial.collection_manager.to_json_dict(), repr(trial.collection("losses")), trial.collection("losses").to_json(),
            trial.collection("new").save_histogram, trial.collection_manager.get_num_workers(), repr(trial).partition(">")[2],
            sorted(trial.worker_set), sorted(each.rpartition("/")[2] for each in trial.index_reader.list_event_files("")),
            trial._global_step_currently(modes.TRAIN, 1), trial._mode_modestep_currently(2), trial._all_steps(mode=modes.EVAL),
            sorted(trial._tensors_matching_regex(["o"])), sorted(trial._tensors_in_collection("losses")),
            trial._parse_collection_name("x"), trial._tensors_for_step(step) != [], type(trial).__name__, type(trial).__mro__[1].__name__,
        ]
        raise ValueError(repr(said))


class TellRequired(Rule):
    def set_required_tensors(self, step):
        mine = [step]
        self.req_tensors.add("loss", mine)
        self.req_tensors.add("loss", [0])
        self.req_tensors.add("eight$", [step], should_match_regex=True)
        self.mine = mine

    def invoke_at_step(self, step):
        required = self.req_tensors
        if step < 2:
            return False
        raise RuntimeError(
            str([list(required.get_names()), [t.name for t in required.get()], required.get_tensor_steps("loss"), self.mine])
        )


class TellEvery(Rule):
    """The steps at which it is asked."""
    def __init__(self, base_trial):
        super().__init__(base_trial, action_str="")
        self.asked = []

    def invoke_at_step(self, step):
        self.asked.append(step)

    def invoke(self, step):
        try:
            super().invoke(step)
        except NoMoreData as error:
            raise ValueError(str(self.asked) + str(error) + str(error.last_step)) from error


class OpensTrials(Rule):
    def __init__(self, base_trial, path=""):
        super().__init__(base_trial, action_str="")
        self.again = create_trial(path, name="again", range_steps=(2, 5))

    def invoke_at_step(self, step):
        if step == 6:
            raise ValueError(str([self.again.name, self.again.steps(), self.again == self.base_trial]))


class ActionString(Rule):
    def __init__(self, base_trial, action='{"name": "nothing"}'):
        super().__init__(base_trial, action_str=action)

    def invoke_at_step(self, step):
        return isinstance(self._actions, Actions) and step > 1


class RunsItself(Rule):
    """Files that call smdebug's loop themselves."""
    def __init__(self, base_trial):
        super().__init__(base_trial, action_str="")
        self.inner = True

    def invoke_at_step(self, step):
        if self.inner and step == 4:
            self.inner = False
            try:
                invoke_rule(self, start_step=0, end_step=3, raise_eval_cond=True)
            finally:
                self.inner = True
            raise ValueError(f"its own loop ended before {step}")
        return not self.inner and step == 2


class PlainMean(Rule):
    """Scalars as people use them."""
    def invoke_at_step(self, step):
        value = self.base_trial.tensor("loss").value(step)
        return bool(value) and float(value) * 1.0 < 0.3 and f"{value[0]:.3f}" == f"{value.item():.3f}"


class StepStates(Rule):
    def invoke_at_step(self, step):
        return self.base_trial.has_passed_step(step + 1) == StepState.UNAVAILABLE


class CPUBusy(Rule):
    """After AWS's rules on the profile: windows of time, one after the other."""
    def __init__(self, base_trial, threshold=50, scan_interval_us=60 * 1000 * 1000):
        super().__init__(base_trial)
        self.threshold, self.scan_interval_us = float(threshold), int(scan_interval_us)
        self.last_timestamp = self.base_trial.first_timestamp
        self.report["RuleParameters"] = f"threshold:{self.threshold}"

    def invoke_at_step(self, step):
        pass

    def invoke(self, step):
        current_timestamp = self.last_timestamp + self.scan_interval_us
        self.base_trial.wait_for_data(current_timestamp, self.last_timestamp)
        rule_condition = self.invoke_for_timerange(self.last_timestamp, current_timestamp)
        self.last_timestamp = current_timestamp
        if rule_condition:
            raise RuleEvaluationConditionMet(self.rule_name, step)

    def invoke_for_timerange(self, timestamp_start, timestamp_end, sys_events=None, framework_events=None):
        by_node = {}
        for event in sys_events or self.base_trial.get_system_metrics(timestamp_start, timestamp_end):
            if event.dimension == "CPUUtilization" and event.type == "cpu":
                by_node.setdefault(event.node_id, {}).setdefault(event.name, []).append(event.value)
        return any(
            np.quantile(values, 0.95) > self.threshold for cores in by_node.values() for values in cores.values()
        )


class SlowStep(CPUBusy):
    """Outliers of the steps' durations."""
    def invoke_for_timerange(self, timestamp_start, timestamp_end, sys_events=None, framework_events=None):
        durations = {}
        for event in self.base_trial.get_framework_metrics(timestamp_start, timestamp_end):
            if "Step:ModeKeys" in event.event_name:
                durations[int(event.event_args["step_num"])] = (event.end_time - event.start_time) / 1000000.0
        return bool(durations) and max(durations.values()) > self.threshold / 100


class TellProfile(CPUBusy):
    """All that the profile says."""
    def invoke_for_timerange(self, start, end, sys_events=None, framework_events=None):
        trial = self.base_trial
        system = [
            (e.type, e.name, e.dimension, e.value, e.node_id, e.timestamp) for e in trial.get_system_metrics(start, end)
        ]
        framework = [
            (e.event_name, e.event_phase, e.start_time, e.end_time, e.duration, e.phase, e.node_id, e.event_args,
             e.file_type, e.phase_pid, e.process_info.name if e.process_info else None)
            for e in trial.get_framework_metrics(start, end)
        ]
        reader, machine = trial.framework_metrics_reader, trial.system_metrics_reader
        said = [
            trial.name, trial.first_timestamp, trial.get_latest_timestamp(), trial.job_finished(), sorted(system, key=str),
            sorted(framework, key=str), [p.type if isinstance(p.type, str) else "" for p in reader.get_all_event_parsers()],
            reader.get_timestamp_of_first_available_file(), machine.get_timestamp_of_latest_available_file(),
            len(machine.get_events(start, end, event_type="memory")), len(reader.get_events_by_step(1, 3)),
            len(machine.get_events(start / 10**6, end / 10**6, unit=TimeUnits.SECONDS)),
        ]
        raise ValueError(repr(said))

# ruff: noqa - as users write their rules
