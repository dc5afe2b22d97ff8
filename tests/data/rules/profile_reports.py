"""Rules on the profile after AWS's own: they sum up windows of time, keep a report and write it to the trial's folders.
Nothing in here knows Gridwatch. Those named Tell… say at the end of the data all that they reported.
"""
import json
import os
import pathlib
import shutil

import numpy as np
from smdebug.exceptions import NoMoreProfilerData, RuleEvaluationConditionMet
from smdebug.profiler.profiler_constants import PT_DATALOADER_INITIALIZE, PT_DATALOADER_ITER, PT_DATALOADER_WORKER
from smdebug.rules.rule import Rule


class OnProfile(Rule):
    def __init__(self, base_trial, scan_interval_us=60 * 1000 * 1000):
        super().__init__(base_trial)
        self.scan_interval_us = int(scan_interval_us)
        self.last_timestamp = self.base_trial.first_timestamp

    def invoke_at_step(self, step):
        pass

    def invoke(self, step):
        current_timestamp = self.last_timestamp + self.scan_interval_us
        self.base_trial.wait_for_data(current_timestamp, self.last_timestamp)
        rule_condition = self.invoke_for_timerange(self.last_timestamp, current_timestamp)
        self.last_timestamp = current_timestamp
        if rule_condition:
            raise RuleEvaluationConditionMet(self.rule_name, step)

    def system(self, start, end, given):
        return self.base_trial.get_system_metrics(start, end) if given is None else given

    def framework(self, start, end, given):
        return self.base_trial.get_framework_metrics(start, end) if given is None else given


class LowUse(OnProfile):
    """Quantiles of each device once there are enough values."""
    def __init__(self, base_trial, threshold_p95=30, patience=60, window=100):
        super().__init__(base_trial)
        self.threshold_p95, self.patience, self.window = float(threshold_p95), int(patience), int(window)
        self.values = {}

    def invoke_for_timerange(self, start, end, sys_events=None, framework_events=None):
        for event in self.system(start, end, sys_events):
            if event.dimension == "GPUUtilization" and event.type == "gpu":
                self.values.setdefault(event.node_id, {}).setdefault(event.name, []).append(event.value)
        found = False
        for node_id, by_gpu in self.values.items():
            for gpu_id, values in by_gpu.items():
                if len(values) > self.patience and np.quantile(values[-self.window:], 0.95) < self.threshold_p95:
                    self.report["RuleTriggered"] += 1
                    self.report["Violations"] += 1
                    self.report["Details"].setdefault(node_id, {})[gpu_id] = float(np.quantile(values, 0.95))
                    found = True
        return found


class BusyProcessors(OnProfile):
    """Both at the same instant, which machines record a few milliseconds apart."""
    def __init__(self, base_trial, threshold=5, gpu_threshold=40, cpu_threshold=60, patience=100):
        super().__init__(base_trial)
        self.threshold, self.gpu_threshold, self.cpu_threshold = float(threshold), float(gpu_threshold), float(cpu_threshold)
        self.patience, self.timestamp, self.datapoints, self.bottlenecks = int(patience), 0, 0, {}

    def invoke_for_timerange(self, start, end, sys_events=None, framework_events=None):
        gpu_values, cpu_values = {}, {}
        for event in self.system(start, end, sys_events):
            if np.abs(self.timestamp - event.timestamp) > 0.02:
                self.timestamp = event.timestamp
                self.datapoints += 1
            if event.dimension == "GPUUtilization" and event.value < self.gpu_threshold:
                gpu_values.setdefault(self.timestamp, []).append(event.value)
            elif event.dimension == "CPUUtilization" and event.value > self.cpu_threshold:
                cpu_values.setdefault(self.timestamp, []).append(event.value)
        for time in cpu_values:
            if time in gpu_values:
                self.bottlenecks[time] = [len(gpu_values[time]), len(cpu_values[time])]
        self.report["Datapoints"] = self.datapoints
        self.report["Violations"] = len(self.bottlenecks)
        return self.datapoints > self.patience and len(self.bottlenecks) / self.datapoints * 100 > self.threshold


class MemoryGrows(OnProfile):
    def __init__(self, base_trial, increase=1, patience=50, window=10):
        super().__init__(base_trial)
        self.increase, self.patience, self.window = float(increase), int(patience), int(window)
        self.values, self.last = {}, 0

    def invoke_for_timerange(self, start, end, sys_events=None, framework_events=None):
        for event in self.system(start, end, sys_events):
            if event.dimension == "GPUMemoryUtilization":
                values = self.values.setdefault(event.node_id, {}).setdefault(event.name, [])
                values.append(event.value)
                if len(values) > self.window:
                    average = np.mean(values[-self.window:])
                    if self.last != 0 and average - self.last > self.increase and len(values) > self.patience:
                        self.report["Details"][event.timestamp] = {"gpu_id": event.name, "memory": values[-1]}
                        return True
                    self.last = average
        return False


class Loaders(OnProfile):
    def __init__(self, base_trial, min_threshold=70, patience=10):
        super().__init__(base_trial)
        self.min_threshold, self.patience = float(min_threshold), int(patience)
        self.cpus, self.times, self.parallel = {}, [], []

    def invoke_for_timerange(self, start, end, sys_events=None, framework_events=None):
        for event in self.system(start, end, sys_events):
            if event.dimension == "CPUUtilization":
                self.cpus[event.name] = 0
        seconds = {}
        for event in self.framework(start, end, framework_events):
            if event.event_phase == PT_DATALOADER_INITIALIZE and "num_workers" in event.event_args:
                self.report["Details"]["num_workers"] = event.event_args["num_workers"]
            if event.event_phase == PT_DATALOADER_WORKER or event.event_phase == PT_DATALOADER_ITER:
                self.report["Datapoints"] += 1
                self.times.append((event.end_time - event.start_time) / 1000000)
                seconds.setdefault(int(event.start_time / 1000000), {})[event.event_args["pid"]] = 1
        self.parallel += [len(each) for each in seconds.values()]
        if len(self.parallel) > self.patience:
            few = int(np.median(self.parallel)) < len(self.cpus) * self.min_threshold / 100
            self.report["Violations"] += few
        return self.report["Violations"] > 1


class SlowSteps(OnProfile):
    def __init__(self, base_trial, stddev=3, mode=None, n_outliers=2):
        super().__init__(base_trial)
        self.stddev, self.mode, self.n_outliers = float(stddev), mode, int(n_outliers)
        self.durations, self.numbers = {}, {}

    def invoke_for_timerange(self, start, end, sys_events=None, framework_events=None):
        for event in self.framework(start, end, framework_events):
            if "Step:ModeKeys" in event.event_name or (self.mode != None and event.event_name == self.mode):
                self.report["Datapoints"] += 1
                by_name = self.durations.setdefault(event.node_id, {}).setdefault(event.event_name, [])
                by_name.append((event.end_time - event.start_time) / 1000000.0)
                self.numbers.setdefault(event.node_id, []).append(event.event_args["step_num"])
        for node_id, by_name in self.durations.items():
            for key, values in by_name.items():
                if len(values) > 60:
                    values = np.array(values)
                    slow = np.where(values > np.mean(values) + np.std(values) * self.stddev)
                    self.report["Details"][node_id] = {"n": len(slow[0]), "max": float(np.max(values)), "phase": key}
                    if len(slow[0]) > self.n_outliers:
                        self.report["RuleTriggered"] += 1
        return self.report["RuleTriggered"] > 0


class StartsLate(OnProfile):
    def __init__(self, base_trial, threshold=2):
        super().__init__(base_trial)
        self.threshold = float(threshold)
        self.first_timestamp = self.base_trial.first_timestamp
        self.report["Details"]["step_num"] = {}

    def invoke_for_timerange(self, start, end, sys_events=None, framework_events=None):
        for event in self.framework(start, end, framework_events):
            if "Step:ModeKeys" in event.event_name:
                place = "last" if "first" in self.report["Details"]["step_num"] else "first"
                self.report["Details"]["step_num"][place] = event.start_time
        late = self.last_timestamp - self.first_timestamp > self.threshold * 60000000
        return late and len(self.report["Details"]["step_num"]) == 0


class TimeByPhase(OnProfile):
    def __init__(self, base_trial):
        super().__init__(base_trial)
        self.times = {}

    def invoke_for_timerange(self, start, end, sys_events=None, framework_events=None):
        for event in self.framework(start, end, framework_events):
            kind = "cpu" if "cpu" in event.event_phase.lower() else "gpu" if "gpu" in event.event_phase.lower() else "other"
            key = (kind, event.event_phase, event.event_name, event.tid, event.phase_pid, event.phase_tid)
            self.times[key] = self.times.get(key, 0) + event.end_time - event.start_time
        self.report["Details"] = {str(key): value for key, value in self.times.items()}


class Use(OnProfile):
    def __init__(self, base_trial):
        super().__init__(base_trial)
        self.seen = {}

    def invoke_for_timerange(self, start, end, sys_events=None, framework_events=None):
        for event in self.system(start, end, sys_events):
            self.report["Datapoints"] += 1
            key = f"{event.type}/{event.dimension}/{event.node_id}/{event.name}"
            self.seen.setdefault(key, []).append(event.value)
        for key, values in self.seen.items():
            self.report["Details"][key] = [float(np.quantile(values, q)) for q in (0, 0.5, 0.95, 0.99, 1)]


class Unbalanced(OnProfile):
    def __init__(self, base_trial, threshold=0.05):
        super().__init__(base_trial)
        self.threshold, self.values = float(threshold), {}

    def invoke_for_timerange(self, start, end, sys_events=None, framework_events=None):
        for event in self.system(start, end, sys_events):
            if event.dimension == "GPUUtilization":
                self.values.setdefault((event.node_id, event.name), []).append(event.value)
        bins = np.arange(0, 105, 5)
        shares = [np.histogram(v, bins)[0] / len(v) for _, v in sorted(self.values.items())]
        distances = [np.abs(np.cumsum(a) - np.cumsum(b)).max() for i, a in enumerate(shares) for b in shares[i + 1:]]
        return bool(distances) and max(distances) > self.threshold


class TellReport(OnProfile):
    """A report of all of the above: it fires at the end of the data, and writes a file for each rule as it goes."""
    fires = True

    def __init__(self, base_trial):
        super().__init__(base_trial)
        self.rules = [rule(base_trial) for rule in (
            LowUse, BusyProcessors, MemoryGrows, Loaders, SlowSteps, StartsLate, TimeByPhase, Use, Unbalanced)]
        report_dir = os.path.join(self.base_trial.output_dir, "profiler-reports")
        if report_dir and not os.path.exists(report_dir):
            pathlib.Path(report_dir).mkdir(parents=True, exist_ok=True)
        self.report_dir, self.rule_condition_met, self.windows = report_dir, False, []

    def invoke(self, step):
        current_timestamp = self.last_timestamp + self.scan_interval_us
        try:
            self.base_trial.wait_for_data(current_timestamp, self.last_timestamp)
        except NoMoreProfilerData as e:
            kept = {name: json.loads(pathlib.Path(self.report_dir, name).read_text()) for name in sorted(os.listdir(self.report_dir))}
            if not self.fires:
                raise ValueError(json.dumps([kept, self.windows, e.timestamp, str(e)], sort_keys=True)) from e
            if self.rule_condition_met:
                raise RuleEvaluationConditionMet(self.rule_name, step, end_of_rule=True)
            raise e
        found = self.invoke_for_timerange(self.last_timestamp, current_timestamp)
        self.rule_condition_met = self.rule_condition_met or found
        self.last_timestamp = current_timestamp

    def invoke_for_timerange(self, start, end):
        sys_events = self.base_trial.get_system_metrics(start, end)
        framework_events = self.base_trial.get_framework_metrics(start, end)
        self.windows.append([start, end, len(sys_events), len(framework_events)])
        met = False
        for rule in self.rules:
            condition = rule.invoke_for_timerange(start, end, sys_events, framework_events)
            met = met or condition
            name = rule.rule_name + ".json"
            temp_path = os.path.join(self.base_trial.temp_dir, name)
            with open(temp_path, "w") as f:
                json.dump(rule.report, f, default=float)
            shutil.move(temp_path, os.path.join(self.report_dir, name))
        return met


class TellWindows(TellReport):
    fires = False


class FinerWindows(TellWindows):
    def __init__(self, base_trial):
        super().__init__(base_trial)
        self.scan_interval_us = 31 * 1000 * 1000

# ruff: noqa - as users write their rules
