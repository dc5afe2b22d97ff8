"""A rule of one's own, as it ran under SageMaker Debugger: it fires when a metric is above a limit for too long."""

from smdebug.rules.rule import Rule


class LossAbove(Rule):
    def __init__(self, base_trial, metric="validation-logloss", limit=0.5, steps=3):
        super().__init__(base_trial)
        self.metric = metric
        self.limit = float(limit)
        self.steps = int(steps)

    def set_required_tensors(self, step):
        self.req_tensors.add(self.metric, steps=[step])

    def invoke_at_step(self, step):
        metric = self.base_trial.tensor(self.metric)
        before = metric.prev_steps(step, self.steps)
        return len(before) == self.steps and all(metric.value(each).mean() > self.limit for each in before)

# ruff: noqa: ANN001, ANN201, ANN204 - as users write their rules
