"""Rules as people write them for smdebug, of which some ask for what a job never saved."""

from smdebug.exceptions import TensorUnavailable
from smdebug.rules import Rule


class AsksForANameThatIsNotThere(Rule):
    def invoke_at_step(self, step):
        return self.base_trial.tensor("nothing").value(step).mean() > 1


class AsksForACollectionThatIsEmpty(Rule):
    def invoke_at_step(self, step):
        for name in self.base_trial.tensor_names(collection="gradients"):
            if abs(self.base_trial.tensor(name).value(step)).mean() < 1e-7:
                return True
        return False


class AsksForAPatternThatMatchesNothing(Rule):
    def invoke_at_step(self, step):
        return any(self.base_trial.tensor(name).value(step).max() == 0 for name in self.base_trial.tensor_names(regex="relu.*"))


class RequiresWhatIsNotThere(Rule):
    def set_required_tensors(self, step):
        self.req_tensors.add("nothing", steps=[step])

    def invoke_at_step(self, step):
        return False


class LooksBeforeItReads(Rule):
    def invoke_at_step(self, step):
        if not self.base_trial.has_tensor("nothing"):
            return False
        return self.base_trial.tensor("nothing").value(step) > 1


class ReadsWhatIsThere(Rule):
    def invoke_at_step(self, step):
        return self.base_trial.tensor("loss").value(step) > 1


class CountsSteps(Rule):
    def invoke_at_step(self, step):
        return step > 1000


class ReadsWhatItCan(Rule):
    def invoke_at_step(self, step):
        try:
            return self.base_trial.tensor("nothing").value(step) > 1
        except TensorUnavailable:
            return self.base_trial.tensor("loss").reduction_value(step, "max") > 1


# ruff: noqa - as users write their rules
