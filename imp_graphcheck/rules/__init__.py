"""The catalogue of what can be found."""

from imp_graphcheck.rules.catalogue import RULES, Rule

__all__ = ["RULES", "Rule"]
