"""How each rule is tried: by its id, a function that yields what is wrong."""

from collections.abc import Mapping

from proofing.testing.vendors.checks import (
    billing,
    continuing,
    failures,
    items,
    loading,
    network,
    people,
    placement,
    privacy,
    requests,
    shape,
    state,
    surroundings,
    together,
    tracing,
    verdicts,
    webhooks,
)
from proofing.testing.vendors.subject import CheckRule

CHECKS: Mapping[str, CheckRule] = {
    **loading.CHECKS,
    **verdicts.CHECKS,
    **items.CHECKS,
    **people.CHECKS,
    **failures.CHECKS,
    **state.CHECKS,
    **together.CHECKS,
    **surroundings.CHECKS,
    **network.CHECKS,
    **billing.CHECKS,
    **privacy.CHECKS,
    **tracing.CHECKS,
    **placement.CHECKS,
    **shape.CHECKS,
    **requests.CHECKS,
    **webhooks.CHECKS,
    **continuing.CHECKS,
}
