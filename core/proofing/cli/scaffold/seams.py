"""What a package of a proofer and one of a messenger differ in, whatever they ask or send."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """Through which hook and method core calls the adapter, and what the suites of the kit look like.

    Attributes:
        hook: of the plugin; it returns descriptors of the type *descriptor*.
        method: of the adapter, called with a *type*, which the code calls *argument*.
        once: first line of the docstring of that method.
        unit: what one call is about.
        suites: module of the suites; *example* is the type of their examples, *examples* their attribute.
        has_kind: whether the descriptor names its kind.
        declares: what the descriptor declares of the vendor, for the README.
        tried: how the README has the vendor tried.
    """

    hook: str
    descriptor: str
    method: str
    argument: str
    type: str
    once: str
    unit: str
    suites: str
    example: str
    examples: str
    has_kind: bool
    declares: str
    tried: str


PROOFERS = Seam(
    hook="proofing_proofers",
    descriptor="ProoferDescriptor",
    method="proof",
    argument="request",
    type="ProofingRequest",
    once="Ask once.",
    unit="question",
    suites="proofing.testing.vendors",
    example="Example",
    examples="answers",
    has_kind=True,
    declares="the attributes and circumstances that the vendor needs, and no others",
    tried="`proofing explain --person some-person` names the vendor and why.",
)
MESSENGERS = Seam(
    hook="proofing_messengers",
    descriptor="MessengerDescriptor",
    method="send",
    argument="message",
    type="Message",
    once="Send one message, once.",
    unit="message",
    suites="proofing.testing.messengers",
    example="MessageExample",
    examples="examples",
    has_kind=False,
    declares="the channels by which the vendor sends, and whether it writes the text itself (`codes_only`)",
    tried="`proofing vendor try $name:messenger --applicant applicant.yaml` sends one message.",
)
