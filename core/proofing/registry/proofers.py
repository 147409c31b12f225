"""A proofer that a plugin offers: made at its first use, and held to what its descriptor must say."""

import asyncio
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from proofing.base.errors import ConfigurationError, PluginError
from proofing.base.hosts import HOST_RULE, is_host
from proofing.contracts.browser_parts import BrowserPart
from proofing.contracts.hooks import GROUP
from proofing.contracts.messages import Channel
from proofing.contracts.messengers import MessengerDescriptor
from proofing.contracts.plugin_settings import TLSSettings
from proofing.contracts.processes import ProcessContext
from proofing.contracts.proofers import AnyProofer, Maturity, ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.outbound.client import OutboundPolicy
from proofing.registry.vendor_metrics import begin_vendor

#: What the methods of a proofer are called with; one that is not wanted may be missing.
_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "proof": ("request", "context"),
    "send": ("message", "context"),
    "resume": ("request", "pending", "because", "context"),
    "open": ("context",),
    "close": (),
    "check": ("context",),
    "forget": ("pending", "context"),
}


class LoadedProofer:
    """A proofer's descriptor with its plugin's settings; the proofer itself is made at its first use."""

    def __init__(
        self,
        plugin: str,
        descriptor: ProoferDescriptor,
        settings: Any,
        process: Callable[[], ProcessContext],
        *,
        channels: Callable[[Any], frozenset[Channel]] | None = None,
        codes_only: bool = False,
    ) -> None:
        """Hold what is needed to make the proofer; *process* is asked for when it is made.

        *channels* reads from *settings* how a messenger can send; with *codes_only* it sends nothing else.
        """
        self.plugin = plugin
        self.descriptor = descriptor
        self.settings = settings
        self._process = process
        self._channels = channels
        self.codes_only = codes_only
        begin_vendor(*vendor_labels(descriptor))

    def again(self) -> "LoadedProofer":
        """Return the same with a proofer of its own."""
        return LoadedProofer(
            self.plugin,
            self.descriptor,
            self.settings,
            self._process,
            channels=self._channels,
            codes_only=self.codes_only,
        )

    @cached_property
    def proofer(self) -> AnyProofer:
        """The proofer.

        Raises:
            PluginError: the plugin fails to make it, it lacks a method that its descriptor promises, or a
                method is of the wrong shape.
        """
        process = self._process()
        try:
            proofer: Any = self.descriptor.make(self.settings, process)
        except ModuleNotFoundError as error:
            raise PluginError(f"{self.plugin} {missing_library(error, self.plugin)}") from None
        except ConfigurationError as error:
            # It names keys and rules, and no values.
            rules = "; ".join(f"{problem.key}: {problem.rule}" for problem in error.problems)
            raise PluginError(f"{self.plugin} cannot make {self.descriptor.name}: {rules}") from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a factory may raise anything, even what ends a process
            raise PluginError(
                f"{self.plugin} cannot make {self.descriptor.name}: {type(error).__name__}"
            ) from None
        first = "send" if self.descriptor.kind is ProoferKind.MESSENGER else "proof"
        wanted = {first, "resume"} if self.descriptor.continues else {first}
        for method, arguments in _ARGUMENTS.items():
            found = getattr(proofer, method, None)
            if found is None and method not in wanted:
                continue
            if found is None:
                rule = f"it has no method {method}"
            elif not callable(found):
                rule = f"{method} is not a method"
            elif not accepts(found, len(arguments)):
                rule = f"{method} must be {method}({', '.join(arguments)})"
            else:
                continue
            raise PluginError(f"{self.plugin}: {self.descriptor.name} cannot be asked: {rule}")
        made: AnyProofer = proofer
        return made

    async def play(self, stop: asyncio.Event) -> None:
        """Play the vendor until *stop* is set. Its descriptor must have a `ProoferDescriptor.stand_in`."""
        if self.descriptor.stand_in is not None:
            await self.descriptor.stand_in(self.settings, self._process(), stop)

    @cached_property
    def settings_digest(self) -> str:
        """A SHA-256 of the plugin's settings with its secrets, in hex: another one for other credentials."""
        text = json.dumps(_revealed(self.settings), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def policy(self) -> OutboundPolicy:
        """Return what holds for its calls.

        Raises:
            PluginError: the descriptor's functions raise, or answer with something else.
        """
        name = self.descriptor.name
        try:
            hosts: Any = self.descriptor.hosts(self.settings)
            seconds = float(self.descriptor.timeout_seconds(self.settings))
            tls: Any = self.descriptor.tls(self.settings)
            known: frozenset[object] = frozenset(hosts)
        except Exception as error:  # noqa: BLE001 - a plugin's function may raise anything
            raise PluginError(f"the descriptor of {name} raised {type(error).__name__}") from None
        # One text would pass for a set of its letters, and an address never equals a host.
        names = frozenset(host for host in known if isinstance(host, str) and "/" not in host)
        if self.descriptor.offline and known:
            raise PluginError(f"{name}: hosts must be empty, as the descriptor is offline")
        if type(hosts) is str or len(names) < len(known):
            raise PluginError(f"{name}: hosts must return a set of host names, such as api.acme.example:8443")
        if not all(is_host(host.partition(":")[0] or host) for host in names):
            raise PluginError(f"{name}: {HOST_RULE}")
        if not seconds > 0:
            raise PluginError(f"{name}: timeout_seconds must return a positive number")
        most: Any = self.descriptor.max_response_bytes
        if type(most) is not int or most <= 0:
            raise PluginError(f"{name}: max_response_bytes must be a positive number of bytes")
        if not (tls is None or isinstance(tls, TLSSettings)):
            raise PluginError(f"{name}: tls must return a TLSSettings or None")
        return OutboundPolicy(
            vendor_name=name,
            hosts=names,
            timeout_seconds=seconds,
            max_response_bytes=most,
            logs_paths=not self.descriptor.personal_urls,
            tls=tls,
        )

    @cached_property
    def browser_part(self) -> BrowserPart | None:
        """What the browsers of people load for it; None for nothing.

        Raises:
            PluginError: `ProoferDescriptor.page` raises, or returns what a page may not load.
        """
        descriptor = self.descriptor
        try:
            part: Any = descriptor.page(self.settings)
        except Exception as error:  # noqa: BLE001 - a plugin's function may raise anything
            raise PluginError(
                f"page of the descriptor of {descriptor.name} raised {type(error).__name__}"
            ) from None
        if part is None:
            return None
        if not isinstance(part, BrowserPart):
            raise PluginError(f"{descriptor.name}: page must return a BrowserPart or None")
        if descriptor.kind is not ProoferKind.DEVICE or "device_session_id" not in descriptor.needs:
            raise PluginError(
                f"{descriptor.name}: only a device proofer that needs device_session_id may have a page"
            )
        part.require_sound(descriptor.name, is_production=self._process().is_production)
        return part

    @cached_property
    def channels(self) -> frozenset[Channel]:
        """How a messenger can send; empty for a proofer. Raises `PluginError`: the descriptor is broken."""
        if self._channels is None:
            return frozenset()
        name = self.descriptor.name
        try:
            found: Any = self._channels(self.settings)
        except Exception as error:  # noqa: BLE001 - a plugin's function may raise anything
            raise PluginError(f"channels of the descriptor of {name} raised {type(error).__name__}") from None
        if not (isinstance(found, frozenset) and all(isinstance(one, Channel) for one in found)):
            raise PluginError(f"{name}: channels must return a frozenset of Channel")
        return found

    def can_send(self, channel: Channel, *, has_code: bool) -> bool:
        """Return whether a messenger can send by *channel* a message with or without a code."""
        return channel in self.channels and (has_code or not self.codes_only)

    @property
    def is_mock(self) -> bool:
        """Whether it may not answer for real people."""
        return self.descriptor.maturity is Maturity.MOCK


def as_proofer(messenger: MessengerDescriptor) -> ProoferDescriptor:
    """Return *messenger* as one more proofer: it is routed, made, called and counted like the others."""
    make: Any = messenger.make
    return ProoferDescriptor(
        name=messenger.name,
        kind=ProoferKind.MESSENGER,
        make=make,
        hosts=messenger.hosts,
        timeout_seconds=messenger.timeout_seconds,
        max_response_bytes=messenger.max_response_bytes,
        personal_urls=messenger.personal_urls,
        tls=messenger.tls,
        idempotent=messenger.idempotent,
        maturity=messenger.maturity,
    )


def _revealed(value: Any) -> Any:
    """Return *value*, secrets included, as JSON values."""
    if isinstance(value, SecretStr | SecretBytes):
        return _revealed(value.get_secret_value())
    if isinstance(value, BaseModel):
        return {name: _revealed(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(name): _revealed(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_revealed(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(json.dumps(_revealed(item), sort_keys=True) for item in value)
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def accepts(function: Callable[..., Any], count: int) -> bool:
    """Return whether *function* can be called with *count* arguments; yes for one that does not say."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # of a library without signatures
        return True
    return True


def vendor_labels(descriptor: ProoferDescriptor) -> tuple[str, str]:
    """Return vendor and product of *descriptor*, as metrics name them."""
    return labels_of(descriptor.kind, descriptor.name)


def labels_of(kind: ProoferKind, name: str) -> tuple[str, str]:
    """Return vendor and product, as metrics name them; the *name* ``acme:instant_verify`` holds both."""
    vendor, _, product = name.partition(":")
    return vendor, product or kind.value


def missing_library(error: ModuleNotFoundError, plugin: str) -> str:
    """Say what *plugin* lacks and how to get it; only our own distribution has an extra for each plugin."""
    origins = [entry.dist.name for entry in entry_points(group=GROUP, name=plugin) if entry.dist]
    others = sorted(set(origins) - {"proofing"})
    if not others:
        return f"needs {error.name}; install proofing[{plugin}]"
    return f"needs {error.name}; install it, or reinstall {', '.join(others)}"
