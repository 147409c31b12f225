"""What the sample site needs when it starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DemoConfig:
    """What a relying party has from its operator, and of itself.

    Attributes:
        proofing_url: origin of the product.
        own_url: origin of this site.
        name: display name of the relying party.
        client_id: its name in the settings of the product; also its client id of OpenID Connect.
        policies: names that it may ask for.
        api_key: for /v1.
        webhook_keys: that verify events.
        client_secret: for OpenID Connect.
        has_openid: whether it is a client of OpenID Connect.
    """

    proofing_url: str
    own_url: str
    name: str
    client_id: str
    policies: tuple[str, ...]
    api_key: str
    webhook_keys: tuple[str, ...]
    client_secret: str
    has_openid: bool


#: Paths of this site that the settings of the product name.
OUTCOME_PATH = "/outcome"
WEBHOOK_PATH = "/webhook"
CALLBACK_PATH = "/login/callback"
SIGNED_OUT_PATH = "/"
