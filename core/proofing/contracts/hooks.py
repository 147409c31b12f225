"""The hooks by which a plugin hands over what it offers.

Hooks only register: each returns descriptors, is called once when the plugin is loaded, and must neither do
I/O nor import the vendor's libraries. Behavior lives in the contracts of `proofing.contracts.proofers`,
`proofing.contracts.queues`, `proofing.contracts.stores`, `proofing.contracts.verification_store` and
`proofing.contracts.call_records`.
Reference: docs/reference/hooks.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pluggy

from proofing.contracts.call_records import CallStore
from proofing.contracts.messengers import MessengerDescriptor
from proofing.contracts.plugin_settings import PluginSettings
from proofing.contracts.processes import ProcessContext
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.queues import Queue
from proofing.contracts.stores import ImageStore, KeyService, ResultStore, SecretStore
from proofing.contracts.verification_store import VerificationStore
from proofing.contracts.webhooks import WebhookDescriptor

#: The entry point group, and the name under which pluggy knows the hooks.
GROUP = "proofing"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)

BackendT = TypeVar("BackendT")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendContext(ProcessContext):
    """What a backend may know of the process it is made for.

    Attributes:
        role: what the process is for: ``web``, ``worker``, or the command ``migrate``, ``check``, ``jobs``,
            ``erase``, ``operator`` (which works on verifications and reads calls), ``explain`` (which reads
            decisions), ``relying-party``, ``deliveries`` or ``oidc``. A secret store also meets ``run`` (it
            starts a web and worker processes), ``stand-in``, ``settings``, and ``cli`` by default; no other
            backend is made in these.
    """

    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendDescriptor(Generic[BackendT]):
    """What core knows of a queue or store before it is made.

    Attributes:
        name: the name that settings.yaml uses.
        make: builds the backend from the plugin's settings (an instance of its `PluginSettings`). No I/O.
        production: whether it may be used in production.
    """

    name: str
    make: Callable[[Any, BackendContext], BackendT]
    production: bool = True


@hookspec(firstresult=True)
def proofing_settings() -> type[PluginSettings] | None:
    """Return the schema of the plugin's section in settings.yaml.

    Called once for each enabled plugin, before any other hook. None, or no implementation: the plugin
    has no settings, and a section for it is an error.
    """


@hookspec
def proofing_proofers() -> Sequence[ProoferDescriptor]:  # type: ignore[empty-body]
    """Return the vendor proofers of this plugin.

    Called once. Two plugins that offer one name for one kind stop the start.
    """


@hookspec
def proofing_messengers() -> Sequence[MessengerDescriptor]:  # type: ignore[empty-body]
    """Return the messengers of this plugin, which send confirmation codes.

    Called once. Two plugins that offer one name stop the start.
    """


@hookspec
def proofing_webhooks() -> Sequence[WebhookDescriptor]:  # type: ignore[empty-body]
    """Return what the vendors of this plugin post to.

    Called once. Two plugins that offer one name stop the start.
    """


@hookspec
def proofing_queues() -> Sequence[BackendDescriptor[Queue]]:  # type: ignore[empty-body]
    """Return the queue backends of this plugin. Called once."""


@hookspec
def proofing_secret_stores() -> Sequence[BackendDescriptor[SecretStore]]:  # type: ignore[empty-body]
    """Return the secret stores of this plugin.

    Called once, before the secrets are known: `BackendContext.secret` must not be used, and the plugin's
    settings come from the file and the environment alone.
    """


@hookspec
def proofing_key_services() -> Sequence[BackendDescriptor[KeyService]]:  # type: ignore[empty-body]
    """Return the key services of this plugin. Called once."""


@hookspec
def proofing_image_stores() -> Sequence[BackendDescriptor[ImageStore]]:  # type: ignore[empty-body]
    """Return the image stores of this plugin. Called once."""


@hookspec
def proofing_result_stores() -> Sequence[BackendDescriptor[ResultStore]]:  # type: ignore[empty-body]
    """Return the result stores of this plugin. Called once."""


@hookspec
def proofing_verification_stores() -> Sequence[BackendDescriptor[VerificationStore]]:  # type: ignore[empty-body]
    """Return the verification stores of this plugin. Called once."""


@hookspec
def proofing_call_stores() -> Sequence[BackendDescriptor[CallStore]]:  # type: ignore[empty-body]
    """Return the call stores of this plugin. Called once."""
