"""The schema of settings.yaml: every key of core, its type, its default and what it means.

Booleans are YAML booleans or exactly ``'true'`` / ``'false'`` in quotes; anything else stops the start.
docs/reference/settings.md is printed from here (``proofing settings --reference``).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, LiteralString

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from proofing.base.errors import Cause
from proofing.base.hosts import HOST_RULE, hosts_of, is_host
from proofing.contracts.applicant import JURISDICTIONS
from proofing.contracts.images import MAX_IMAGE_BYTES
from proofing.contracts.plugin_settings import JOB_DEADLINE_SECONDS
from proofing.contracts.records import KINDS
from proofing.settings.documents import DocumentSettings
from proofing.settings.links import MAX_PORT, URL, EmailAddress, HTTPSLink, Link, PhoneNumber, is_origin
from proofing.settings.phone_codes import PhoneCodeSettings
from proofing.settings.relying_parties import PageLanguages, RelyingPartiesSettings
from proofing.settings.routing import RoutingSettings
from proofing.settings.values import LIVE as _LIVE
from proofing.settings.values import LIVE_LOGGED as _LIVE_LOGGED
from proofing.settings.values import Count, Host, Names, Proxies, SecretKey, Switch

#: Links to pages of this site; ``//host`` would be another site that looks like a page.
_PATH = re.compile(r"/(?![/\\])[^\s\\]*")
#: The context of a validation that leaves the rules between keys to its caller.
FIELDS_ONLY = object()
_SLOTS = {kind.value: names.slots for kind, names in KINDS.items()}


def _all_slots(value: object) -> object:
    """Merge a map of slots over the default, as maps of different layers merge."""
    if not isinstance(value, Mapping):
        return value
    if not _SLOTS.keys() >= value.keys():
        raise ValueError(f"must name kinds of jobs only: {', '.join(_SLOTS)}")
    return {**_SLOTS, **value}


def _not_blank(text: str) -> str:
    """Demand something that a page can show."""
    if not text.strip():
        raise ValueError("must not be empty; leave the key out for its default")
    return text


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=MAX_PORT)]


class Settings(DocumentSettings, PhoneCodeSettings, RelyingPartiesSettings, RoutingSettings):
    """The settings of core. Frozen; secrets print as stars."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    accessibility_url: HTTPSLink | None = Field(
        None,
        description="https URL of the accessibility statement, shown in the footer; null: none.",
        json_schema_extra=_LIVE,
    )
    alternative_url: Link | None = Field(
        None,
        description="Another way to be verified, shown in the footer and on pages of failures and limits: "
        "an https URL, or mailto: or tel: with an address or number; null: none.",
        json_schema_extra=_LIVE,
    )
    assurance_vendors: Names = Field(
        (),
        description="Vendors that you vouch for as docs/explanation/assurance.md explains: error rates of "
        "documents and faces, regulated sources, carriers' accounts. What others find is no evidence.",
        json_schema_extra=_LIVE_LOGGED,
    )
    async_stale_job_timeout_seconds: Seconds = Field(
        300, description="A job that waited longer calls no vendor and ends as stale."
    )
    async_wait_timeout_seconds: Seconds = Field(
        60, description="The waiting page stops waiting after this; a later result still counts."
    )
    client_document_max_attempts: Count = Field(
        30, description="Document submissions from one client address (IPv6: from its /64) in one hour."
    )
    client_phone_max_attempts: Count = Field(30, description="Phone numbers from one address in one hour.")
    client_resolution_max_attempts: Count = Field(30, description="Resolutions from one address in one hour.")
    client_session_max_attempts: Count = Field(
        120, description="Sessions that one client address may begin in one hour."
    )
    cpu_children: Count | None = Field(
        None,
        description="CPU children of one process, in which vendor plugins decode images; each may use a CPU "
        "and several hundred MB. null: one for each CPU, at most 4. None is started before it is needed.",
    )
    data_key_max_messages: Count = Field(
        100, description="How many messages one data key may seal. 1 makes a new key for each."
    )
    data_key_max_seconds: Seconds = Field(300, description="How long one data key may seal.")
    device_profiling_enabled: Switch = Field(
        default=True, description="Ask the device profiler during resolution.", json_schema_extra=_LIVE_LOGGED
    )
    doc_auth_enable_presigned_s3_urls: Switch = Field(
        default=True,
        description="The browser encrypts images and uploads them to the image store; a job proofs them. "
        "Off: images come in the form post and are proofed inside the request.",
        json_schema_extra=_LIVE_LOGGED,
    )
    fips_required: Switch = Field(
        default=False,
        description="Refuse to start unless the OpenSSL of Python and of cryptography runs in FIPS mode, and "
        "no other package brings one of its own.",
    )
    hmac_fingerprinter_key: SecretKey = Field(description="Key of the SSN fingerprints. Secret.")
    idv_available: Switch = Field(
        default=True,
        description="Off: every page says that proofing is unavailable.",
        json_schema_extra=_LIVE_LOGGED,
    )
    idv_doc_auth_max_attempts: Count = Field(5, description="Document submissions a person may make.")
    idv_doc_auth_window_minutes: Count = Field(360, description="Minutes until the count resets.")
    idv_min_age_years: Count = Field(18, description="Youngest age that a document may show.")
    idv_resolution_max_attempts: Count = Field(5, description="Resolution answers a person may get.")
    idv_resolution_window_minutes: Count = Field(360, description="Minutes until the count resets.")
    idv_send_link_max_attempts: Count = Field(
        5,
        description="Links by which a person may continue on a phone, and text messages with such links that "
        "one phone may get.",
    )
    idv_send_link_window_minutes: Count = Field(10, description="Minutes until the count resets.")
    image_store: str = Field("local", description="Plugin that keeps encrypted images.")
    is_production: Switch = Field(
        default=False,
        description="Hold this environment to the rules of production: no mocks, no local stores, https. The "
        "environment named production always is.",
    )
    job_deadline_seconds: Seconds = Field(
        int(JOB_DEADLINE_SECONDS),
        description="A job that runs longer is ended. Shorter than async_wait_timeout_seconds.",
    )
    key_service: str = Field("local", description="Plugin that wraps data keys.")
    log_directory: str | None = Field(
        "log",
        description="Directory of the JSON log files; null: lines go to standard output, for containers.",
    )
    max_image_upload_bytes: Count = Field(
        MAX_IMAGE_BYTES, le=MAX_IMAGE_BYTES, description="Largest image a person may upload."
    )
    outbound_max_connections: Count = Field(
        10_000, description="Connections to vendors in one process; at least the sum of worker_slots."
    )
    outbound_proxy: SecretStr | None = Field(
        None, description="URL of the forward proxy for vendor calls. Secret, as it may hold a password."
    )
    page_languages: PageLanguages = Field(
        (),
        description="Languages of the pages, the usual one first: en, es, fr, zh; empty: all of them.",
        json_schema_extra=_LIVE,
    )
    partner_name: Annotated[str, AfterValidator(_not_blank)] | None = Field(
        None,
        description="Who sent the person, as the pages say it; null: *the agency you came from*, translated.",
        json_schema_extra=_LIVE,
    )
    partner_url: str = Field(
        "/",
        description="Where pages that end the flow lead: an http or https URL, or a path; /: nowhere.",
        json_schema_extra=_LIVE,
    )
    pending_max_hours: Count = Field(
        12,
        description="A job that waits for a vendor's later answer ends after this long, whatever the "
        "vendor says, and at the latest with its session.",
    )
    phone_precheck_enabled: Switch = Field(
        default=False,
        description="Ask a phone vendor during resolution when the document shows a phone. A yes answers the "
        "phone step; a number with a no is not tried again unless the person insists.",
    )
    phone_precheck_percentage: Annotated[float, Field(ge=0, le=100)] = Field(
        100,
        description="Of phone_precheck_enabled: share of people, in percent, whose number is asked about; "
        "who is in it stays in it.",
        json_schema_extra=_LIVE_LOGGED,
    )
    plugins: Names = Field(
        ("huey", "local", "mock"), description="Plugins to load; installed is not enabled."
    )
    poll_rate_for_verify_in_seconds: Seconds = Field(
        3, description="How often a waiting page polls, at first."
    )
    privacy_url: HTTPSLink | None = Field(
        None,
        description="https URL of the privacy notice, shown in the footer; null: none.",
        json_schema_extra=_LIVE,
    )
    probe_host: Host = Field(
        "127.0.0.1",
        description="Address on which the probe ports listen; not one that the public reaches, as they show "
        "metrics.",
    )
    proof_address_max_attempts: Count = Field(5, description="Phone numbers a person may submit.")
    proof_address_window_minutes: Count = Field(360, description="Minutes until the count resets.")
    proof_ssn_max_attempts: Count = Field(10, description="Submissions of one SSN, over all people.")
    proof_ssn_window_minutes: Count = Field(60, description="Minutes until the count resets.")
    public_url: str = Field("http://localhost:8000", description="Origin that browsers use, without path.")
    queue: str = Field("huey", description="Queue backend.")
    require_crash_recovery: Switch = Field(
        default=False, description="Refuse a queue that does not repeat the jobs of a killed worker."
    )
    result_ttl_seconds: Annotated[float, Field(gt=0, le=900)] = Field(
        60, description="How long a result with personal data may wait for its page."
    )
    result_store: str = Field("local", description="Plugin that keeps results, sessions and limits.")
    ruby_workers_idv_enabled: Switch = Field(
        default=True,
        description="Resolution and phone proofing, and sending confirmation codes, are jobs. Off: the same "
        "code runs inside the request.",
        json_schema_extra=_LIVE_LOGGED,
    )
    secret_store: str = Field("local", description="Plugin that holds the application's secrets.")
    session_encryption_key: SecretKey = Field(description="Key of sealed messages and MACs. Secret.")
    session_encryption_previous_keys: Annotated[tuple[SecretKey, ...], Field(strict=False)] = Field(
        (), description="Old keys that still open. Secret."
    )
    session_idle_timeout_minutes: Count = Field(
        15, description="A session ends after this long without a request."
    )
    session_max_age_hours: Count = Field(12, description="A session ends after this long, whatever happens.")
    settings_changed_by: Annotated[str, Field(max_length=200)] | None = Field(
        None,
        description="Who made the last edit, and why, such as a name and a ticket; logged as the author "
        "of the edit that changes it. `proofing switch --by` writes it.",
        json_schema_extra=_LIVE_LOGGED,
    )
    state_id_bypass_causes: Annotated[
        tuple[Annotated[Cause, Field(strict=False)], ...], Field(strict=False)
    ] = Field(
        (),
        description="Errors of licensing agencies, source_down, source_timeout or maintenance: the check "
        "then counts as skipped, and the person may pass. The job's log line keeps the error.",
        json_schema_extra=_LIVE_LOGGED,
    )
    state_id_jurisdictions: Names = Field(
        (),
        description="Two-letter codes of the states whose licensing agency is asked; "
        "empty: every state that the vendor answers for.",
    )
    status_url: str | None = Field(
        None,
        description="http or https URL of a status page, shown where proofing is unavailable; null: none.",
        json_schema_extra=_LIVE,
    )
    trusted_proxies: Proxies = Field(
        (),
        description="Whose X-Forwarded-For and X-Forwarded-Proto are believed: networks of the proxies in "
        "front of the web process, or how many proxies every request passes; empty or 0: nobody's. "
        "Production must name them, or be 0.",
    )
    support_email: EmailAddress | None = Field(
        None,
        description="Email address for help; null: none.",
        json_schema_extra=_LIVE,
    )
    support_phone: PhoneNumber | None = Field(
        None,
        description="US phone number for help, in quotes, such as '202-555-0143'; null: none.",
        json_schema_extra=_LIVE,
    )
    support_url: HTTPSLink | None = Field(
        None, description="https URL of a page for help; null: none.", json_schema_extra=_LIVE
    )
    test_document_vendor: str | None = Field(
        None,
        description="Mock that gets the testers' YAML form, where document_vendor does not read it; null: "
        "the form is refused. Refused in production.",
        json_schema_extra=_LIVE,
    )
    upload_url_valid_seconds: Seconds = Field(300, description="How long an upload URL is valid.")
    web_drain_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0,
        description="How long a stopping web process keeps serving while /readyz and /healthz answer 503, "
        "so that its load balancer sends no more to it; longer than the balancer takes to notice.",
    )
    web_keep_alive_seconds: Count = Field(
        75, description="How long the web process keeps an idle connection; longer than its proxy does."
    )
    web_max_connections: Count = Field(
        10_000,
        description="Connections of one web process, within the descriptors that it may open less 1,024.",
    )
    web_max_connections_per_address: Count = Field(
        256, description="Connections of one client address (IPv6: of its /64); trusted proxies have no cap."
    )
    web_max_spooled_bytes: Count = Field(
        2 * 1024**3,
        description="Bytes of unfinished image forms that a web process keeps, encrypted, on disk.",
    )
    web_max_streams_per_address: Count = Field(
        100, description="Event streams of waiting pages of one client address; further pages poll."
    )
    web_probe_port: Port = Field(0, description="Port of the web process for health and metrics; 0: none.")
    worker_drain_seconds: Seconds = Field(30, description="How long a stopping worker waits for its jobs.")
    worker_probe_port: Port = Field(0, description="Port of a worker for health and metrics; 0: none.")
    worker_slots: Annotated[dict[str, Count], Field(strict=False), BeforeValidator(_all_slots)] = Field(
        default_factory=lambda: dict(_SLOTS),
        description="Jobs of each kind that one worker runs at once; a kind not named keeps its default.",
    )

    @property
    def starts_without_relying_party(self) -> bool:
        """Whether people may begin by themselves, for nobody."""
        chosen = self.start_without_relying_party
        return not self.is_production if chosen is None else chosen

    @property
    def session_max_age_seconds(self) -> float:
        """How long a session, and what belongs to it, may live."""
        return self.session_max_age_hours * 3600.0

    @property
    def pending_max_seconds(self) -> float:
        """How long after its submit a job may wait for a vendor's later answer; not beyond its session."""
        return min(self.pending_max_hours * 3600.0, self.session_max_age_seconds)

    @property
    def previous_keys_hours(self) -> int:
        """How long what a key has sealed or signed is needed: a job that is parked, then its session."""
        return self.pending_max_hours + self.session_max_age_hours

    @property
    def longest_job_seconds(self) -> float:
        """How long after its submit, or after it was parked for, a job can still be running."""
        return self.async_stale_job_timeout_seconds + self.job_deadline_seconds

    @property
    def outbound_proxy_url(self) -> str | None:
        """The forward proxy, with its password."""
        return self.outbound_proxy.get_secret_value() if self.outbound_proxy else None

    def cross_field_errors(self) -> list[tuple[str, LiteralString]]:
        """Return key and rule of whatever one field cannot judge and does not hold."""
        return [(key, rule) for key, rule, holds in self._cross_field_rules() if not holds]

    @model_validator(mode="after")
    def _keys_agree(self, info: ValidationInfo) -> "Settings":
        """Hold keys to each other: job deadline < page give-up <= stale limit; URL life <= session."""
        if info.context is not FIELDS_ONLY and (broken := self.cross_field_errors()):
            # An error of pydantic's own, because a ValueError would name no key, and only one rule.
            raise ValidationError.from_exception_data(
                "Settings",
                [
                    InitErrorDetails(type=PydanticCustomError("rule", rule), loc=(key,), input=None)
                    for key, rule in broken
                ],
            )
        return self

    def _cross_field_rules(self) -> Iterator[tuple[str, LiteralString, bool]]:
        """Yield key, rule, and whether it holds, of every rule that one field cannot judge."""
        # The mistake after which nothing opens anymore: the new key in both places.
        yield (
            "session_encryption_previous_keys",
            "must not name session_encryption_key: what was sealed before a rotation needs the old key",
            self.session_encryption_key not in self.session_encryption_previous_keys,
        )
        deadline, wait_timeout = self.job_deadline_seconds, self.async_wait_timeout_seconds
        slots = self.worker_slots
        yield from self.phone_code_rules()
        yield from self.relying_party_rules()
        yield from self.routing_rules()
        yield "job_deadline_seconds", "must be less than async_wait_timeout_seconds", deadline < wait_timeout
        yield (
            "async_wait_timeout_seconds",
            "must not exceed async_stale_job_timeout_seconds",
            wait_timeout <= self.async_stale_job_timeout_seconds,
        )
        yield (
            "upload_url_valid_seconds",
            "must not exceed session_max_age_hours",
            self.upload_url_valid_seconds <= self.session_max_age_seconds,
        )
        yield (
            "outbound_max_connections",
            "must be at least the sum of worker_slots",
            self.outbound_max_connections >= sum(slots.values()),
        )
        yield (
            "public_url",
            "must be an origin such as https://proofing.example.gov, without a path; ports are 1 to 65535",
            is_origin(self.public_url),
        )
        # Browsers take it for another site than the one without it.
        yield (
            "public_url",
            "the host name must not end with a dot",
            not any(host.endswith(".") for host in hosts_of(self.public_url)),
        )
        yield (
            "partner_url",
            "must be a path that begins with one / or an http or https URL",
            (URL.fullmatch(self.partner_url) or _PATH.fullmatch(self.partner_url)) is not None,
        )
        for key, url in (
            ("outbound_proxy", self.outbound_proxy_url),
            ("partner_url", self.partner_url),
            ("public_url", self.public_url),
            ("status_url", self.status_url),
        ):
            yield key, HOST_RULE, all(is_host(host) for host in hosts_of(url or "") if host)
        yield (
            "state_id_bypass_causes",
            "must be source_down, source_timeout or maintenance",
            {*self.state_id_bypass_causes} <= {Cause.SOURCE_DOWN, Cause.SOURCE_TIMEOUT, Cause.MAINTENANCE},
        )
        yield (
            "state_id_jurisdictions",
            "must be two-letter codes such as MT",
            JURISDICTIONS.issuperset(self.state_id_jurisdictions),
        )
        yield (
            "state_id_maintenance_windows",
            "must name states by two-letter codes such as MT",
            JURISDICTIONS.issuperset(self.state_id_maintenance_windows),
        )
        yield (
            "status_url",
            "must be an http or https URL",
            self.status_url is None or URL.fullmatch(self.status_url) is not None,
        )

    @classmethod
    def live_keys(cls) -> frozenset[str]:
        """Return the keys that may change while the process runs."""
        return cls._marked("live")

    @classmethod
    def logged_keys(cls) -> frozenset[str]:
        """Return the live keys whose new value is logged."""
        return cls._marked("logged")

    @classmethod
    def _marked(cls, mark: str) -> frozenset[str]:
        extras = {name: field.json_schema_extra for name, field in cls.model_fields.items()}
        return frozenset(
            name for name, extra in extras.items() if isinstance(extra, dict) and extra.get(mark)
        )
