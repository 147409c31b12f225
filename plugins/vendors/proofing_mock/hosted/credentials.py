"""What vendor and adapter of `mock:hosted` share: the key of the API, and the secrets of the webhook."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from proofing.plugin import ProcessContext

if TYPE_CHECKING:
    from proofing_mock import MockSettings


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials:
    """Each is None where there is none.

    Attributes:
        api_key: of the vendor's API.
        webhook_secret: by which the vendor signs.
        webhook_previous_secret: from before a rotation.
    """

    api_key: str | None
    webhook_secret: str | None
    webhook_previous_secret: str | None


def credentials(settings: "MockSettings", process: ProcessContext) -> Credentials:
    """Return those of *settings*, and outside of production what *process* derives for the missing ones."""

    def read(name: str, given: SecretStr | None) -> str | None:
        if given is not None:
            return given.get_secret_value()
        return None if process.is_production else process.secret(name).hex()

    return Credentials(
        api_key=read("hosted_api_key", settings.hosted_api_key),
        webhook_secret=read("hosted_webhook_secret", settings.hosted_webhook_secret),
        webhook_previous_secret=read(
            "hosted_webhook_previous_secret", settings.hosted_webhook_previous_secret
        ),
    )
