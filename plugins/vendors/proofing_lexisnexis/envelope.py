"""The answer of the Risk Defense Platform, which the Dynamic Decision Platform carries inside its own.

One rule decides: ``Status.TransactionStatus``. What single products and their checks say explains a verdict
and makes none; a passing answer has failed checks as a matter of course. Words that no documentation names
are nonsense, wherever they appear: an answer that nobody understands is neither a yes nor a no.
"""

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofing.plugin import Cause, VendorError, VendorResponse

#: What a product or one of its checks comes to.
Status = Literal["pass", "passed", "fail", "error"]
PASSED = frozenset({"pass", "passed"})

#: Codes are words with dots or underscores; names and sentences are not, and no code has a number in it.
_CODE = re.compile(r"(?=.*[._])(?!.*\d{4})[A-Za-z0-9._:-]{3,64}")
_CODE_PARENTHESES = re.compile(r"\(([A-Za-z]+)\)")
#: Of an HTTP error. Short, so that no number of a person is one.
_ERROR_CODE = re.compile(r"[A-Za-z][A-Za-z_.-]{0,39}|[0-9]{1,6}")


class _Answer(BaseModel):
    """What is documented of an answer; further fields are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


class Reason(_Answer):
    """Why a status is what it is. The description is free text, which is compared and never kept."""

    code: str | None = Field(default=None, alias="Code")
    description: str | None = Field(default=None, alias="Description", repr=False)


class Item(_Answer):
    """One check of a product."""

    name: str = Field(alias="ItemName")
    status: Status = Field(alias="ItemStatus")
    reason: Reason | None = Field(default=None, alias="ItemReason")

    @property
    def passed(self) -> bool:
        """Whether the check was passed."""
        return self.status in PASSED


class Product(_Answer):
    """One executed step of the workflow."""

    product_type: str | None = Field(default=None, alias="ProductType")
    step: str | None = Field(default=None, alias="ExecutedStepName")
    status: Status = Field(alias="ProductStatus")
    reason: Reason | None = Field(default=None, alias="ProductReason")
    items: list[Item] | None = Field(default=None, alias="Items")
    #: Of TrueID, which reads them; of other products they repeat personal data, and nobody does.
    details: Any = Field(default=None, alias="ParameterDetails", repr=False)


class _Status(_Answer):
    verdict: Literal["passed", "failed", "error"] = Field(alias="TransactionStatus")
    conversation_id: str | None = Field(
        default=None, alias="ConversationId", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$"
    )
    reason: Reason | None = Field(default=None, alias="TransactionReasonCode")
    reference: str | None = Field(default=None, alias="Reference")


class _Information(_Answer):
    kind: str | None = Field(default=None, alias="InformationType")
    code: str | None = Field(default=None, alias="Code")


class _Beginning(_Answer):
    status: _Status = Field(alias="Status")
    information: list[_Information] | _Information | None = Field(default=None, alias="Information")

    @property
    def details(self) -> list[_Information]:
        """What the answer says of an error; a single one may come without its list."""
        found = self.information
        return [found] if isinstance(found, _Information) else found or []


class _Products(_Answer):
    products: list[Product] | None = Field(default=None, alias="Products")


class Conversation:
    """A transaction that came to a yes or a no.

    Attributes:
        passed: the vendor's verdict.
        transaction_id: by which the vendor bills.
        reference: ours, as the vendor repeats it; None where it does not, or repeats something else.
        reason: code of the verdict, where there is one.
        products: the executed steps, in order.
    """

    def __init__(self, status: _Status, products: list[Product]) -> None:
        """Take what the answer says."""
        self.passed = status.verdict == "passed"
        self.transaction_id = status.conversation_id
        self.reason = (status.reason.code if status.reason else None) or ""
        # Nothing else that an answer says here may be logged.
        echoed = re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", status.reference or "")
        self.reference = echoed[0] if echoed else None
        self.products = tuple(products)

    def product(self, product_type: str) -> Product | None:
        """Return the last product of one type."""
        found = [product for product in self.products if product.product_type == product_type]
        return found[-1] if found else None

    def of_step(self, name: str) -> list[Product]:
        """Return the products of one step; steps may have one name."""
        return [product for product in self.products if product.step == name]

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the verdict, of each product, and of each check that was not passed."""
        found = [self.reason]
        for product in self.products:
            found.append(_code(product.reason))
            found += [_code(item.reason) for item in product.items or () if not item.passed]
        return short_codes(found)


def read_conversation(document: Any, *, vendor_name: str) -> Conversation:
    """Return the transaction that *document*, plain JSON values, holds.

    Raises:
        VendorError: `Cause.NONSENSE`: it is not such an answer; `UNREACHABLE`: the transaction ended with an
            error, and so without a verdict. The message holds nothing of the answer.
    """
    try:
        beginning = _Beginning.model_validate(document)
        status = beginning.status
        information = beginning.details
        if status.verdict == "error":
            codes = [_code(status.reason), *(one.code or "" for one in information)]
            raise VendorError(
                Cause.UNREACHABLE,
                "the transaction ended with an error",
                vendor_name=vendor_name,
                codes=short_codes(codes),
                billed=True,
                transaction_id=status.conversation_id,
            )
        products = _Products.model_validate(document).products or []
    except ValidationError:
        # Pydantic's own message quotes the answer, so it ends here.
        raise not_understood(vendor_name) from None
    has_error = status.verdict == "passed" and any(one.kind == "error-details" for one in information)
    if status.conversation_id is None or has_error:
        raise not_understood(vendor_name, transaction_id=status.conversation_id)
    return Conversation(status, products)


def require_accepted(response: VendorResponse) -> VendorResponse:
    """Return *response* if its status is a success.

    Raises:
        VendorError: it is not; with the code that the body gives, and nothing else of it.
    """
    try:
        return response.require_success()
    except VendorError as error:
        error.codes += _error_codes(response)
        raise


def not_understood(
    vendor_name: str, what: str = "the answer", *, transaction_id: str | None = None
) -> VendorError:
    """Return the error of an answer that is not what is documented."""
    return VendorError(
        Cause.NONSENSE,
        f"{what} is not what the vendor documents",
        vendor_name=vendor_name,
        transaction_id=transaction_id,
    )


def short_codes(texts: Iterable[str]) -> tuple[str, ...]:
    """Return those of *texts* that are codes, each once. ``EmailCount(Month).LOW`` loses its parentheses."""
    bare = (_CODE_PARENTHESES.sub(r"_\1", text) for text in texts)
    return tuple(dict.fromkeys(text for text in bare if _CODE.fullmatch(text)))


def _error_codes(response: VendorResponse) -> tuple[str, ...]:
    """Return ``status.code`` of an error body, which may be anything."""
    try:
        body = response.json()
    except VendorError:
        return ()
    status = body.get("status") if isinstance(body, dict) else None
    code = status.get("code") if isinstance(status, dict) else None
    text = str(code) if isinstance(code, str | int) and not isinstance(code, bool) else ""
    return (text,) if _ERROR_CODE.fullmatch(text) else ()


def _code(reason: Reason | None) -> str:
    return (reason.code if reason else None) or ""
