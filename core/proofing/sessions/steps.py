"""The flow as one table: the steps that a person takes, in order.

Routes, guards, the step indicator, limits, `proofing smoke`, the screenshots and docs/reference/pages.md all
come from `STEPS`. A new step is a row here, a module of handlers in `proofing_server.pages`, a template and
its texts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from proofing.contracts.applicant import ATTRIBUTES, HOME_ADDRESS
from proofing.contracts.records import JobKind, job_of
from proofing.contracts.results import ProoferKind
from proofing.contracts.verifications import Step as PolicyStep
from proofing.rules import limits
from proofing.rules.limits import Limit
from proofing.sessions import samples
from proofing.sessions.data import SessionData


class Page(StrEnum):
    """A page of the flow; the value is its path."""

    #: What this is, and what one needs.
    WELCOME = "/"
    #: What the person agrees to.
    CONSENT = "/consent"
    #: Email address, where a vendor requires one.
    EMAIL = "/email"
    #: What becomes of a selfie: the consent to it, or another way.
    SELFIE = "/selfie"
    #: Capture of the images.
    DOCUMENT = "/document"
    #: Until the images are judged.
    DOCUMENT_WAIT = "/document/wait"
    #: Why the images did not pass.
    DOCUMENT_PROBLEM = "/document/problem"
    #: The barcode could not be read: is what we read right?
    CONFIRM = "/document/confirm"
    #: Name, date of birth, and the number of an ID, where no document says them.
    IDENTITY = "/identity"
    #: Social Security number.
    SSN = "/ssn"
    #: Home address, when the document has none or it changed.
    ADDRESS = "/address"
    #: Check your information.
    VERIFY = "/verify"
    #: Until the information is checked.
    VERIFY_WAIT = "/verify/wait"
    #: Why the information could not be verified.
    VERIFY_PROBLEM = "/verify/problem"
    #: Phone number.
    PHONE = "/phone"
    #: Until the number is checked.
    PHONE_WAIT = "/phone/wait"
    #: Why the number did not pass.
    PHONE_PROBLEM = "/phone/problem"
    #: The code that was sent to the phone.
    CODE = "/code"
    #: Until the code is sent.
    CODE_WAIT = "/code/wait"
    #: Why no code was sent.
    CODE_PROBLEM = "/code/problem"
    #: Verified.
    DONE = "/done"


#: The page of what came of a verification; not a part of the flow, which ends there if a relying party asked.
OUTCOME_PATH = "/outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: a form that the person fills in, and perhaps a job that judges it.

    The module of its handlers, its template and its texts are named as its page: see `key`.

    Attributes:
        page: of the form.
        name: in the report of the smoke test.
        of: the parts of a policy that need it, one of which is enough; empty: it is part of every flow.
        part: of the step indicator; a key below ``steps`` of the catalog of texts.
        title: for the reference, a few words.
        does: for the reference, as the rest of a sentence that begins with the page.
        job: kind of the job that the answers are input of, if any.
        submits: whether this form hands that job in. A waiting page and a problem page belong to it.
        further_limits: that close the page, besides the person's limit of the job.
        attributes: of the applicant, that the person types here.
        answered: whether the step is complete; by default, whether its job is, or its attributes are typed.
        clear: removes the step's answer from a session; by default, its attributes.
        may_return: whether the page may be seen again once the step is complete.
        applies: whether the person is asked at all; the page of a step that does not apply is not shown.
        is_optional: whether a step can be complete before the person has come to it.
        sample: what the smoke test enters, by field of the form.
    """

    page: Page
    name: str
    part: str
    of: frozenset[PolicyStep] = frozenset()
    title: str
    does: str
    job: JobKind | None = None
    submits: bool = False
    further_limits: tuple[Limit, ...] = ()
    attributes: tuple[str, ...] = ()
    answered: Callable[[SessionData], bool] | None = None
    clear: Callable[[SessionData], None] | None = None
    may_return: bool = True
    applies: Callable[[SessionData], bool] = lambda _data: True
    is_optional: bool = False
    sample: Mapping[str, samples.Sample] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name of the page in the code: module, template and texts have it."""
        return self.page.name.lower()

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Those that close the page when they are reached, unless its job is complete; the person's first."""
        return () if self.job is None else (limits.OF_KIND[self.job], *self.further_limits)

    @property
    def wait_page(self) -> Page:
        """Where the person waits for the job of a step that submits one."""
        return Page(f"{self.page}/wait")

    @property
    def problem_page(self) -> Page:
        """Where an outcome is shown that does not complete a step that submits a job."""
        return Page(f"{self.page}/problem")

    def is_complete(self, data: SessionData) -> bool:
        """Return whether the session has the answer of this step, or it needs none."""
        if not self.applies(data):
            return True
        if self.answered is not None:
            return self.answered(data)
        if self.submits and self.job is not None:
            return data.is_complete(self.job)
        return all(getattr(data.typed, name) is not None for name in self.attributes)

    def clear_answer(self, data: SessionData) -> None:
        """Remove the answer of this step from *data*; its job stays."""
        data.clear_typed(self.attributes)
        if self.clear is not None:
            self.clear(data)


def _has_consented(data: SessionData) -> bool:
    return data.consented_at is not None


def _clear_consent(data: SessionData) -> None:
    data.consented_at = None


def _clear_selfie(data: SessionData) -> None:
    data.selfie = None


def _needs_email(data: SessionData) -> bool:
    return "email" in data.needed


def _types_identity(data: SessionData) -> bool:
    """Return whether the person types what a document would say, as far as anybody asks about it."""
    is_asked = data.asks_for(PolicyStep.RESOLUTION) or not NAMES.isdisjoint(data.needed)
    return is_asked and not data.asks_for(PolicyStep.DOCUMENT)


def _has_identity(data: SessionData) -> bool:
    typed = data.typed
    wanted = ["dob", *(name for name in STATE_ID if name in data.needed)]
    return any(getattr(typed, name) for name in NAMES) and all(getattr(typed, name) for name in wanted)


def _clear_document(data: SessionData) -> None:
    data.document = None


def _is_confirmed(data: SessionData) -> bool:
    document = data.document
    return document is None or not document.needs_confirmation or document.confirmed


def _clear_confirmation(data: SessionData) -> None:
    if data.document is not None:
        data.document = replace(data.document, confirmed=False)


def _has_address(data: SessionData) -> bool:
    return data.has_address


def _has_confirmed_phone(data: SessionData) -> bool:
    return data.confirmation is None or data.confirmation.confirmed_at is not None


def _clear_phone_confirmation(data: SessionData) -> None:
    data.confirmation = None


#: Of a person with one name, one of them is empty.
NAMES = frozenset({"first_name", "last_name"})
#: What licensing agencies are asked by, besides name and date of birth.
STATE_ID = ("document_type_received", "state_id_number", "state_id_jurisdiction")

STEPS: tuple[Step, ...] = (
    Step(
        page=Page.CONSENT,
        name="consent",
        part="start",
        title="Consent",
        does="takes the consent; the session begins when it is given",
        answered=_has_consented,
        clear=_clear_consent,
        sample={"consent": "yes"},
    ),
    Step(
        page=Page.EMAIL,
        name="email",
        part="start",
        title="Email address",
        does="takes the email address, only where a vendor that the person will meet requires one",
        attributes=("email",),
        applies=_needs_email,
        is_optional=True,
        sample={"email": samples.EMAIL},
    ),
    Step(
        page=Page.SELFIE,
        name="selfie",
        part="document",
        of=frozenset({PolicyStep.DOCUMENT}),
        title="A photo of yourself: how it is used",
        does="takes the consent to a selfie, or the choice of another way, only where the policy, the "
        f"settings or the person's vendor want one: `{Page.DOCUMENT}` leads here then",
        job=JobKind.DOCUMENT,
        # Whether it has to be answered is no matter of the session alone: the page of the photos asks.
        answered=lambda _data: True,
        clear=_clear_selfie,
        is_optional=True,
        sample={"answer": "agree", "consent": "yes"},
    ),
    Step(
        page=Page.DOCUMENT,
        name="document",
        part="document",
        of=frozenset({PolicyStep.DOCUMENT}),
        title="Photos",
        does="takes the photos of the chosen ID, and a selfie of who agreed to it, or leads on to a vendor "
        "that takes them; a photo that has arrived stays *uploaded* over a reload, with *Remove*, until its "
        "slot expires after 12 minutes",
        job=JobKind.DOCUMENT,
        submits=True,
        clear=_clear_document,
    ),
    Step(
        page=Page.CONFIRM,
        name="confirm",
        part="document",
        of=frozenset({PolicyStep.DOCUMENT}),
        title="The barcode could not be read: is this right?",
        does="asks whether what was read is right, only when the barcode could not be read; *no* leads back "
        f"to `{Page.DOCUMENT}`",
        answered=_is_confirmed,
        clear=_clear_confirmation,
        may_return=False,
        is_optional=True,
        sample={"answer": "yes"},
    ),
    Step(
        page=Page.IDENTITY,
        name="identity",
        part="verify",
        of=frozenset({PolicyStep.RESOLUTION, PolicyStep.PHONE}),
        title="Name and date of birth",
        does="takes name and date of birth, only where the policy asks for no document; where licensing "
        "agencies are asked, the number and state of the license or ID card too",
        job=JobKind.RESOLUTION,
        attributes=("first_name", "middle_name", "last_name", "dob", *STATE_ID),
        answered=_has_identity,
        applies=_types_identity,
        is_optional=True,
        sample=samples.IDENTITY,
    ),
    Step(
        page=Page.SSN,
        name="ssn",
        part="verify",
        of=frozenset({PolicyStep.RESOLUTION}),
        title="Social Security number",
        does="takes the Social Security number",
        # Not closed by the limit of one number: here the person may enter another one.
        job=JobKind.RESOLUTION,
        attributes=("ssn",),
        sample={"ssn": samples.make_test_ssn},
    ),
    Step(
        page=Page.ADDRESS,
        name="address",
        part="verify",
        of=frozenset({PolicyStep.RESOLUTION}),
        title="Address",
        does="takes the home address: when the document has none, from *change*, and to confirm one in "
        "Puerto Rico",
        job=JobKind.RESOLUTION,
        further_limits=(limits.SSN,),
        attributes=HOME_ADDRESS,
        answered=_has_address,
        is_optional=True,
        sample=samples.ADDRESS,
    ),
    Step(
        page=Page.VERIFY,
        name="resolution",
        part="verify",
        of=frozenset({PolicyStep.RESOLUTION}),
        title="Everything that will be checked",
        does="shows everything that will be checked",
        job=JobKind.RESOLUTION,
        submits=True,
        further_limits=(limits.SSN,),
    ),
    Step(
        page=Page.PHONE,
        name="phone",
        part="phone",
        of=frozenset({PolicyStep.PHONE}),
        title="Phone number",
        does="takes the phone number",
        job=JobKind.PHONE,
        submits=True,
        attributes=("phone",),
        sample={"phone": samples.PHONE},
    ),
    Step(
        page=Page.CODE,
        name="code",
        part="phone",
        of=frozenset({PolicyStep.CODE}),
        title="Confirmation code",
        does="sends a code to the number, by text message or call, and takes it back; only where "
        "the policy wants it, or without a policy where `phone_confirmation_enabled` or a messenger is set",
        job=JobKind.CODE,
        submits=True,
        further_limits=(limits.CODE_ENTRY,),
        answered=_has_confirmed_phone,
        clear=_clear_phone_confirmation,
        is_optional=True,
        sample={"channel": "text"},
    ),
)

#: By page, for every page that belongs to a step, its waiting and problem page included.
STEP_OF: Mapping[Page, Step] = MappingProxyType(
    {step.page: step for step in STEPS}
    | {page: step for step in STEPS if step.submits for page in (step.wait_page, step.problem_page)}
)
#: By kind, the step that hands its jobs in.
SUBMIT_STEP: Mapping[JobKind, Step] = MappingProxyType(
    {step.job: step for step in STEPS if step.submits and step.job is not None}
)
#: What people are asked for only where a vendor of theirs requires it.
ASKED_IF_REQUIRED = frozenset({"email"})
#: What no document says of a person.
_NEVER_READ = frozenset({"ssn", "phone", "email"})
#: What every job knows of its person.
_REFERENCES = frozenset({"uuid", "uuid_prefix"})
_ENDS = {Page.WELCOME: "start", Page.DONE: "done"}
#: Every part of the step indicator; keys below ``steps`` of the catalog of texts.
PARTS: tuple[str, ...] = tuple(
    dict.fromkeys((_ENDS[Page.WELCOME], *(step.part for step in STEPS), _ENDS[Page.DONE]))
)


@cache
def steps_for(policy_steps: tuple[PolicyStep, ...]) -> tuple[Step, ...]:
    """Return the steps of a flow in which a policy asks for *policy_steps*, in this order.

    Without any it is the whole table. A step that several of them need comes with the first.
    """
    if not policy_steps:
        return STEPS
    always = [step for step in STEPS if not step.of]
    asked = [step for one in policy_steps for step in STEPS if one in step.of]
    return tuple({step.page: step for step in (*always, *asked)}.values())


def steps_of(data: SessionData) -> tuple[Step, ...]:
    """Return the steps of the session's flow, in order; some of them may not apply."""
    return steps_for(data.policy_steps)


def parts_of(data: SessionData) -> tuple[str, ...]:
    """Return the parts of the step indicator of the session's flow, in order."""
    parts = (step.part for step in steps_of(data) if step.applies(data))
    return tuple(dict.fromkeys((_ENDS[Page.WELCOME], *parts, _ENDS[Page.DONE])))


def pages_after(step: Step) -> tuple[Page, ...]:
    """Return where *step* may lead: the optional steps after it, and last the next that everybody takes."""
    later = STEPS[STEPS.index(step) + 1 :]
    needed = next((number for number, one in enumerate(later) if not one.is_optional), None)
    if needed is None:
        return (*(one.page for one in later), Page.DONE)
    return tuple(one.page for one in later[: needed + 1])


def collected_for(kind: ProoferKind) -> frozenset[str]:
    """Return the attributes that a session may hold when a question of *kind* is first put.

    Those of the pages up to the submit of its job, and whatever a document may say once one was read.
    """
    taken = STEPS[: STEPS.index(SUBMIT_STEP[job_of(kind)]) + 1]
    return _collected(taken, reads=kind is not ProoferKind.DOCUMENT)


def collected_by(policy_steps: tuple[PolicyStep, ...]) -> frozenset[str]:
    """Return the attributes that a session may hold at the end of a policy's flow."""
    return _collected(steps_for(policy_steps), reads=True)


def _collected(taken: Sequence[Step], *, reads: bool) -> frozenset[str]:
    """Return what people type on the pages of *taken*, and what the document there says if it *reads* one."""
    typed = {name for step in taken for name in step.attributes}
    has_read = reads and SUBMIT_STEP[JobKind.DOCUMENT] in taken
    read = set(ATTRIBUTES) - _NEVER_READ if has_read else set()
    return frozenset(typed | read | _REFERENCES)


def make_sample(step: Step) -> dict[str, str]:
    """Return what a person who does not exist enters in the form of *step*."""
    return {name: one if isinstance(one, str) else one() for name, one in step.sample.items()}


def part_of(page: Page) -> str:
    """Return the part of the step indicator that *page* belongs to."""
    return _ENDS[page] if page in _ENDS else STEP_OF[page].part
