"""How each rule is tried: by its id, a function that yields what is wrong."""

from collections.abc import Mapping

from proofing.testing.vendors.checks import (
    continuing,
    failures,
    loading,
    network,
    privacy,
    requests,
    shape,
    state,
    verdicts,
    webhooks,
)
from proofing.testing.vendors.subject import CheckRule

CHECKS: Mapping[str, CheckRule] = {
    **loading.CHECKS,
    **verdicts.CHECKS,
    **failures.CHECKS,
    **state.CHECKS,
    **network.CHECKS,
    **privacy.CHECKS,
    **shape.CHECKS,
    **requests.CHECKS,
    **webhooks.CHECKS,
    **continuing.CHECKS,
}
