"""Rules that people can read: `tabkit.rules`, and models with and without them, for scripts."""

from pipelines.jobs.settings import AblationJob as WorthConfig
from pipelines.jobs.settings import RuleSuggestJob as RulesConfig
from tabkit.propensity.ablation.study import worth
from tabkit.rules import Levels, Null, Range, Rule, SuggestConfig, aim, masks, measure, read, suggest, write
from tabkit.rules.sample import aimed

__all__ = [
    "Levels",
    "Null",
    "Range",
    "Rule",
    "RulesConfig",
    "SuggestConfig",
    "WorthConfig",
    "aim",
    "aimed",
    "masks",
    "measure",
    "read",
    "suggest",
    "worth",
    "write",
]
