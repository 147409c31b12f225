"""The clients of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from proofing.contracts.verifications import Mode
from proofing.settings import Settings
from proofing.settings.relying_parties import ClientAuthentication, ClientSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A relying party as a client.

    Attributes:
        id: its name in the settings.
        policies: that it may ask for; the first one by default.
        issuer: of this provider, below which the names of policies are.
    """

    id: str
    settings: ClientSettings
    policies: tuple[str, ...]
    issuer: str

    @property
    def mode(self) -> Mode:
        """Which vendors are asked for its people."""
        return Mode(self.settings.mode)

    @property
    def sector(self) -> str:
        """Clients with the same sector get the same subject for one reference of a person."""
        return f"sector/{self.settings.sector}" if self.settings.sector else f"client/{self.id}"

    @property
    def policy_of_acr(self) -> Mapping[str, str]:
        """Policies by the acr values that lead to them."""
        own = {self.acr_of(policy): policy for policy in self.policies}
        return {**own, **self.settings.acr_values}

    def acr_of(self, policy: str) -> str:
        """Return the acr value that always names *policy*."""
        return f"{self.issuer}/acr/{policy}"


def issuer_of(settings: Settings) -> str:
    """Return the issuer: the public origin, without a final slash."""
    return settings.public_url.rstrip("/")


def clients_of(settings: Settings) -> dict[str, Client]:
    """Return the clients by id."""
    return {
        name: Client(id=name, settings=party.oidc, policies=party.policies, issuer=issuer_of(settings))
        for name, party in settings.relying_parties.items()
        if party.oidc is not None
    }


def origins_of_public_clients(clients: Mapping[str, Client]) -> frozenset[str]:
    """Return the origins of clients without a secret: their scripts ask for tokens in a browser."""
    return frozenset(
        f"{parts.scheme}://{parts.netloc}"
        for client in clients.values()
        if client.settings.authentication is ClientAuthentication.NONE
        for parts in map(urlsplit, client.settings.redirect_uris)
    )
