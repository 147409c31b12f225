"""The rules that a vendor proofer must keep: the table from which tests, messages and the page are made.

docs/reference/vendor-rules.md is printed by ``python -m proofing.testing.vendors.page``.
"""

from proofing.testing.vendors.answer_rules import ANSWER_RULES
from proofing.testing.vendors.conduct_rules import CONDUCT_RULES
from proofing.testing.vendors.rule import PAGE, Group, Rule

__all__ = ["PAGE", "RULES", "Group", "Rule"]

#: The rules by id, in the order of the page.
RULES = {rule.id: rule for rule in (*ANSWER_RULES, *CONDUCT_RULES)}
