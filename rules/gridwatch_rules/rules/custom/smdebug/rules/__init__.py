"""smdebug's rules and the loop that runs them."""

from gridwatch_rules.rules.custom.smdebug.rules.req_tensors import RequiredTensors, RequiredTensorsForTrial
from gridwatch_rules.rules.custom.smdebug.rules.rule import Rule
from gridwatch_rules.rules.custom.smdebug.rules.rule_invoker import invoke_rule

__all__ = ["RequiredTensors", "RequiredTensorsForTrial", "Rule", "invoke_rule"]
