"""Prometheus metrics of one process: counts and durations by kind, never by person.

`prometheus_client` keeps what this process counts; `proofing.app.scraping` writes it out. Names and labels:
docs/reference/metrics.md.
"""

from prometheus_client import (
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

# A gauge alongside every counter that says when it began doubles the text, and no rate needs it.
disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
#: With the thresholds of the alarms about jobs, 10 and 50 s, as bounds.
_JOB_SECONDS = (*_SECONDS[:-1], 50, 60)

JOBS_SUBMITTED = Counter("proofing_jobs_submitted", "Jobs submitted", ["kind", "mode"])
JOBS_ENDED = Counter("proofing_jobs_ended", "Jobs ended by this process", ["kind", "end_state", "outcome"])
JOBS_PARKED = Counter("proofing_jobs_parked", "Runs that ended because a vendor answers later", ["kind"])
JOB_QUEUED_SECONDS = Histogram(
    "proofing_job_queued_seconds",
    "Time from the submit of jobs, or from when they were due, to their start",
    ["kind"],
    buckets=_JOB_SECONDS,
)
JOB_SECONDS = Histogram("proofing_job_seconds", "Run time of jobs", ["kind"], buckets=_JOB_SECONDS)
ASSURANCE = Counter(
    "proofing_assurance",
    "What the evidence of a session supported after a job",
    ["kind", "supports", "pathway"],
)
VERIFICATIONS = Counter(
    "proofing_verifications", "Verifications that came into a state", ["relying_party", "mode", "state"]
)
WEBHOOKS_RECEIVED = Counter("proofing_webhooks_received", "Posts to webhooks", ["webhook", "outcome"])
DELIVERIES = Counter(
    "proofing_deliveries", "Attempts to deliver an event", ["relying_party", "endpoint", "outcome"]
)
DELIVERY_ATTEMPT_SECONDS = Histogram(
    "proofing_delivery_attempt_seconds", "Time of one attempt to deliver an event", buckets=_SECONDS
)
DELIVERY_SECONDS = Histogram(
    "proofing_delivery_seconds",
    "Time from an event to its delivery",
    buckets=(*_SECONDS, 300, 3600, 86_400),
)
DELIVERY_OLDEST_DUE_SECONDS = Gauge(
    "proofing_deliveries_oldest_due_seconds", "How long the oldest delivery has been due"
)
ENDPOINTS = Gauge(
    "proofing_endpoints",
    "Endpoints of relying parties whose events fail or wait",
    ["relying_party", "endpoint", "state"],
)
CODE_ENTRIES = Counter("proofing_code_entries", "Confirmation codes that people entered", ["outcome"])
WAITS_ABANDONED = Counter("proofing_waits_abandoned", "Waits abandoned without an answer", ["kind"])
VENDOR_CALLS = Counter(
    "proofing_vendor_calls", "Questions to vendors", ["vendor", "product", "outcome", "cause"]
)
VENDOR_SECONDS = Histogram(
    "proofing_vendor_call_seconds",
    "Time of one question to a vendor",
    ["vendor", "product"],
    buckets=_SECONDS,
)
CPU_CALLS = Counter("proofing_cpu_calls", "Calls of functions in CPU children", ["outcome"])
CPU_SECONDS = Histogram(
    "proofing_cpu_call_seconds", "Time of one call in a CPU child, its wait included", buckets=_SECONDS
)
CPU_WAIT_SECONDS = Histogram(
    "proofing_cpu_wait_seconds", "Time that calls waited until a CPU child was free", buckets=_SECONDS
)
CPU_CHILDREN = Gauge("proofing_cpu_children", "CPU children of this process")
LIMITS_REACHED = Counter("proofing_limits_reached", "Requests refused because a limit was reached", ["limit"])
VENDOR_BUDGETS_REACHED = Counter(
    "proofing_vendor_budgets_reached", "Calls not made because a vendor's budget was used up", ["vendor"]
)
VENDOR_REFUSALS = Counter(
    "proofing_vendor_refusals",
    "Questions that a vendor's breaker or limits refused",
    ["vendor", "product", "reason"],
)
SHADOW_ANSWERS = Counter(
    "proofing_shadow_answers",
    "What came of questions to shadows, compared with the answer that counts",
    ["vendor", "product", "outcome"],
)
VENDOR_BREAKER_CHANGES = Counter(
    "proofing_vendor_breaker_changes",
    "Circuit breakers that this process opened or closed",
    ["vendor", "product", "state"],
)
CALL_RECORDS_LOST = Counter(
    "proofing_call_records_lost",
    "Records of calls and decisions that could not be kept",
    ["kind"],
)
UPLOADS = Counter("proofing_uploads", "Steps of image uploads", ["outcome"])
BACKEND_ERRORS = Counter("proofing_backend_errors", "Calls to a backend that failed", ["backend", "cause"])
BACKEND_UP = Gauge("proofing_backend_up", "Whether a backend serves this process", ["backend"])
CLOCK_SKEW = Gauge(
    "proofing_clock_skew_seconds", "How far a backend's clock is from this host's, either way", ["backend"]
)
HTTP_REQUESTS = Counter("proofing_http_requests", "HTTP responses", ["route", "method", "status"])
HTTP_SECONDS = Histogram(
    "proofing_http_request_seconds",
    "Time from the request's header to the response's",
    ["route", "method"],
    buckets=_SECONDS,
)
STEPS_REFUSED = Counter("proofing_steps_refused", "Requests answered with 503", ["route", "backend", "cause"])
WEB_CONNECTIONS = Gauge("proofing_web_connections", "Connections that a web process holds")
WEB_CONNECTIONS_CLOSED = Counter(
    "proofing_web_connections_closed", "Connections that a web process refused or cut off", ["cause"]
)
WEB_SPOOLED_BYTES = Gauge("proofing_web_spooled_bytes", "Encrypted bytes of incomplete forms on disk")
EVENT_STREAMS_OPEN = Gauge("proofing_event_streams_open", "Event streams of waiting pages that are open")
EVENT_STREAMS_REFUSED = Counter(
    "proofing_event_streams_refused", "Event streams over the cap of their session or address", ["cause"]
)
