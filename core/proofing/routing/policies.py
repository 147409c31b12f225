"""Policies held to the vendors of the settings: whether these can answer what a policy asks, and how well.

The same at a start, for `proofing check` and for an edit of the running settings.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from proofing.base.errors import Problem
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.records import job_of
from proofing.contracts.results import ProoferKind
from proofing.contracts.verifications import Step
from proofing.registry.plugins import PluginManager
from proofing.routing.vendors import named_vendors
from proofing.rules.assurance_table import Level
from proofing.rules.reachability import PolicyVendors, reachable
from proofing.sessions.steps import collected_by, steps_for
from proofing.settings import Settings
from proofing.settings.relying_parties import AssuranceTarget, PolicySettings

#: Who answers each step, and the setting that names them.
_ANSWERED_BY = {
    Step.DOCUMENT: (ProoferKind.DOCUMENT, "document_vendor"),
    Step.RESOLUTION: (ProoferKind.RESOLUTION, "resolution_vendor"),
    Step.PHONE: (ProoferKind.PHONE, "phone_vendors"),
    Step.CODE: (ProoferKind.MESSENGER, "messenger_vendor"),
}
_NOBODY = " has nobody to answer it"
_Vendors = dict[ProoferKind, list[ProoferDescriptor]]


def policy_problems(settings: Settings, plugins: PluginManager) -> list[Problem]:
    """Return what policies ask that the vendors of *settings* cannot answer, and levels out of reach.

    Vendors that no plugin offers are left out: see `proofing.routing.router.vendor_problems`.
    """
    vendors: _Vendors = {kind: [] for kind in ProoferKind}
    unknown: set[ProoferKind] = set()
    for _key, kind, names in named_vendors(settings):
        unknown |= {kind for name in names if (kind, name) not in plugins.proofers}
        vendors[kind] += [
            plugins.proofers[kind, name].descriptor for name in names if (kind, name) in plugins.proofers
        ]
    return [
        Problem("settings", f"policies.{name}.{key}", rule)
        for name, policy in settings.policies.items()
        for key, rule in _problems_of(policy, settings, vendors)
        # Of a vendor that no plugin offers that is said already.
        if not any(
            rule.startswith(f"{step}{_NOBODY}") for step in _ANSWERED_BY if _ANSWERED_BY[step][0] in unknown
        )
    ]


def _problems_of(policy: PolicySettings, settings: Settings, vendors: _Vendors) -> Iterator[tuple[str, str]]:
    """Yield key and rule of everything that is wrong with one policy."""
    unanswered = list(_unanswered(policy, settings, vendors))
    yield from unanswered
    yield from _not_collected(policy, vendors)
    if not unanswered and policy.assurance is not AssuranceTarget.NONE:
        yield from _out_of_reach(policy, settings, vendors)


def _unanswered(policy: PolicySettings, settings: Settings, vendors: _Vendors) -> Iterator[tuple[str, str]]:
    """Yield the steps that nobody answers, or not everybody's vendor."""
    for step, (kind, key) in _ANSWERED_BY.items():
        if step in policy.steps and not vendors[kind]:
            is_off = step is Step.CODE and settings.messenger_vendor is not None
            cure = "phone_confirmation_enabled must not be false" if is_off else f"name a vendor in {key}"
            yield "steps", f"{step}{_NOBODY}: {cure}, or remove {step}"
    if Step.SELFIE in policy.steps:
        for one in vendors[ProoferKind.DOCUMENT]:
            if not one.compares_selfies:
                rule = f"{one.name} compares no selfie of our pages: name another document vendor"
                yield "steps", f"{rule}, or remove selfie"
            elif not one.company:
                rule = f"the plugin of {one.name} does not name the company that gets the selfie"
                yield "steps", f"{rule}, as the consent must"


def _not_collected(policy: PolicySettings, vendors: _Vendors) -> Iterator[tuple[str, str]]:
    """Yield what vendors cannot do without, or the relying party is to get, and no step asks for."""
    collected = collected_by(policy.steps)
    jobs = {step.job for step in steps_for(policy.steps) if step.submits}
    for kind, asked in vendors.items():
        for one in asked if job_of(kind) in jobs else ():
            if missing := sorted(one.requires - collected):
                rule = f"{one.name} cannot do without {', '.join(missing)}, which these steps do not ask"
                yield "steps", f"{rule}: name another vendor, or add a step"
    if missing := sorted(set(policy.claims) - collected):
        yield "claims", f"these steps do not ask for {', '.join(missing)}: add a step, or release less"


def _out_of_reach(policy: PolicySettings, settings: Settings, vendors: _Vendors) -> Iterator[tuple[str, str]]:
    """Yield what the policy's level lacks, once for each set of vendors that a person may meet."""
    target = Level[policy.assurance.name]
    for document, resolution, state_id in product(
        *(
            _each(vendors, kind)
            for kind in (ProoferKind.DOCUMENT, ProoferKind.RESOLUTION, ProoferKind.STATE_ID)
        )
    ):
        best = reachable(
            policy.steps,
            PolicyVendors(
                document=document,
                resolution=resolution,
                state_id=state_id,
                phones=vendors[ProoferKind.PHONE],
                vouched=settings.assurance_vendors,
                code_digits=settings.phone_code_digits,
            ),
        )
        if best.level < target:
            asked = [one.name for one in (document, resolution) if one and _is_asked(one, policy)]
            of = f" with {' and '.join(dict.fromkeys(asked))}" if asked else ""
            missing = " ".join(one.explanation for one in best.missing)
            yield "assurance", f"{target.label} is out of reach{of}, at best {best.level.label}: {missing}"
            return


def _each(vendors: _Vendors, kind: ProoferKind) -> Sequence[ProoferDescriptor | None]:
    return vendors[kind] or [None]


def _is_asked(vendor: ProoferDescriptor, policy: PolicySettings) -> bool:
    step = Step.DOCUMENT if vendor.kind is ProoferKind.DOCUMENT else Step.RESOLUTION
    return step in policy.steps
