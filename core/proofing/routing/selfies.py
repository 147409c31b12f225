"""Whether a person is asked for a selfie, by the settings in effect and the person's document vendor."""

from collections.abc import Iterable

from proofing.base.errors import Problem
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.selfies import SelfieMode, SelfieRefusal, SelfieTerms
from proofing.sessions.uploads import OBJECT_LIFE_SECONDS
from proofing.settings import Settings


def selfie_terms(
    settings: Settings, descriptor: ProoferDescriptor | None, *, policy: bool | None = None
) -> SelfieTerms:
    """Return the terms for a person whose document vendor has this *descriptor*; None for no vendor.

    *policy* says whether the policy of the person's verification wants a selfie; None where there is none,
    and the settings decide. Who is asked by a policy cannot continue without: nothing could be verified.
    """
    if descriptor is None or not _is_asked(settings, descriptor, policy):
        return SelfieTerms(is_asked=False)
    may_continue = settings.selfie_refusal is SelfieRefusal.CONTINUE and not policy
    return SelfieTerms(
        is_asked=True,
        continues_without=may_continue and not descriptor.needs_selfie,
        recipient=descriptor.company or "",
    )


def selfie_problems(settings: Settings, vendors: Iterable[tuple[str, ProoferDescriptor]]) -> list[Problem]:
    """Return what the settings ask of document *vendors*, each with its key, that these cannot do."""
    problems = []
    longest = OBJECT_LIFE_SECONDS + settings.longest_job_seconds
    if settings.selfie_retention_minutes * 60 < longest:
        minutes = -(-int(longest) // 60)
        rule = f"must be at least {minutes}: so long may an upload wait for its job, and the job run"
        problems.append(Problem("settings", "selfie_retention_minutes", rule))
    for key, descriptor in vendors:
        name = descriptor.name
        if settings.selfie is SelfieMode.REQUIRED and not descriptor.compares_selfies:
            rule = f"{name} compares no selfie of our pages, and selfie is required: name another vendor"
            problems.append(Problem("settings", key, rule))
        if settings.selfie is SelfieMode.NEVER and descriptor.needs_selfie:
            rule = f"{name} needs a selfie, and selfie is never: name another vendor"
            problems.append(Problem("settings", key, rule))
        if not _is_asked(settings, descriptor):
            continue
        if not descriptor.company:
            rule = f"the plugin of {name} does not name the company that gets the selfie, as the consent must"
            problems.append(Problem("settings", key, rule))
        if descriptor.needs_selfie and settings.selfie_refusal is SelfieRefusal.CONTINUE:
            rule = f"must be other_way: {name} cannot do without a selfie"
            problems.append(Problem("settings", "selfie_refusal", rule))
    return problems


def _is_asked(settings: Settings, descriptor: ProoferDescriptor, policy: bool | None = None) -> bool:
    """Return whether people of this document vendor are asked for a selfie."""
    if policy or (policy is None and settings.selfie is SelfieMode.REQUIRED):
        return descriptor.compares_selfies
    if policy is False:
        return settings.selfie is not SelfieMode.NEVER and descriptor.needs_selfie
    return settings.selfie is SelfieMode.WHERE_NEEDED and descriptor.needs_selfie
