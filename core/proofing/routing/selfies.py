"""Whether a person is asked for a selfie, by the settings in effect and the person's document vendor."""

from collections.abc import Iterable

from proofing.base.errors import Problem
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.selfies import SelfieMode, SelfieRefusal, SelfieTerms
from proofing.sessions.uploads import OBJECT_LIFE_SECONDS
from proofing.settings import Settings


def selfie_terms(settings: Settings, descriptor: ProoferDescriptor | None) -> SelfieTerms:
    """Return the terms for a person whose document vendor has this *descriptor*; None for no vendor."""
    if descriptor is None or not _is_asked(settings, descriptor):
        return SelfieTerms(is_asked=False)
    return SelfieTerms(
        is_asked=True,
        continues_without=settings.selfie_refusal is SelfieRefusal.CONTINUE and not descriptor.needs_selfie,
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


def _is_asked(settings: Settings, descriptor: ProoferDescriptor) -> bool:
    """Return whether people of this document vendor are asked for a selfie."""
    if settings.selfie is SelfieMode.REQUIRED:
        return descriptor.compares_selfies
    return settings.selfie is SelfieMode.WHERE_NEEDED and descriptor.needs_selfie
