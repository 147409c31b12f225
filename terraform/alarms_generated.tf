# Made by scripts/monitoring/generate.py from deploy/monitoring/alarms.yaml; edit that.

locals {
  log_metrics = {
    JobSucceeded             = { roles = ["web", "worker"], pattern = "{ ($.name = \"perform\") && ($.end_state = \"done\") }", value = "1", default = "0" }
    JobFailed                = { roles = ["web", "worker"], pattern = "{ $.name = \"job_failed\" }", value = "1", default = "0" }
    QueueTimeMs              = { roles = ["worker"], pattern = "{ $.name = \"perform_start\" }", value = "$.queued_duration_ms", default = null }
    RunTimeMs                = { roles = ["web", "worker"], pattern = "{ $.name = \"perform\" }", value = "$.duration_ms", default = null }
    ResultsMissing           = { roles = ["web"], pattern = "{ $.name = \"result_missing\" }", value = "1", default = "0" }
    VendorCredentialsRefused = { roles = ["web", "worker"], pattern = "{ $.name = \"vendor_credentials_refused\" }", value = "1", default = "0" }
    ShadowDisagreed          = { roles = ["web", "worker"], pattern = "{ ($.name = \"shadow_compared\") && ($.agreement = \"disagreed\") }", value = "1", default = "0" }
    CallRecordsLost          = { roles = ["web", "worker"], pattern = "{ $.name = \"call_record_lost\" }", value = "1", default = "0" }
    PeopleRefused            = { roles = ["web"], pattern = "{ ($.name = \"step_refused\") && ($.reason != \"switched_off\") }", value = "1", default = "0" }
    ConnectionsRefused       = { roles = ["web"], pattern = "{ ($.name = \"connections_closed\") && (($.reason = \"full_refused\") || ($.reason = \"address_refused\")) }", value = "$.count", default = "0" }
    EndpointDisabled         = { roles = ["worker"], pattern = "{ $.name = \"endpoint_disabled\" }", value = "1", default = "0" }
    EventsDead               = { roles = ["worker"], pattern = "{ $.name = \"event_delivery_dead\" }", value = "1", default = "0" }
    RequestsFailed           = { roles = ["web"], pattern = "{ $.name = \"request_failed\" }", value = "1", default = "0" }
    JobsEndedBadly           = { roles = ["web", "worker"], pattern = "{ (($.name = \"perform\") || ($.name = \"discard\")) && (($.end_state = \"stale\") || ($.end_state = \"timed_out\") || ($.end_state = \"worker_lost\") || ($.end_state = \"unknown_outcome\") || ($.end_state = \"internal_error\") || ($.end_state = \"plugin_error\") || ($.end_state = \"decrypt_error\") || ($.end_state = \"unreadable\")) }", value = "1", default = "0" }
    JobsEnded                = { roles = ["web", "worker"], pattern = "{ (($.name = \"perform\") || ($.name = \"discard\")) && ($.end_state = \"*\") && ($.end_state != \"canceled\") }", value = "1", default = "0" }
  }

  alarms = {
    no-successful-job     = { metric = "JobSucceeded", collected = false, statistic = "Sum", compare = "LessThanThreshold", threshold = 1, period = 60, periods = 6, missing = "breaching" }
    failed-job            = { metric = "JobFailed", collected = false, statistic = "Sum", compare = "GreaterThanOrEqualToThreshold", threshold = 1, period = 60, periods = 1, missing = "notBreaching" }
    queue-time            = { metric = "QueueTimeMs", collected = false, statistic = "Maximum", compare = "GreaterThanThreshold", threshold = 10000, period = 60, periods = 1, missing = "notBreaching" }
    run-time              = { metric = "RunTimeMs", collected = false, statistic = "Maximum", compare = "GreaterThanThreshold", threshold = 50000, period = 60, periods = 1, missing = "notBreaching" }
    missing-results       = { metric = "ResultsMissing", collected = false, statistic = "Sum", compare = "GreaterThanOrEqualToThreshold", threshold = 3, period = 900, periods = 1, missing = "notBreaching" }
    vendor-credentials    = { metric = "VendorCredentialsRefused", collected = false, statistic = "Sum", compare = "GreaterThanOrEqualToThreshold", threshold = 1, period = 300, periods = 1, missing = "notBreaching" }
    vendor-budget-reached = { metric = "proofing_vendor_budgets_reached_total", collected = true, statistic = "Sum", compare = "GreaterThanOrEqualToThreshold", threshold = 1, period = 300, periods = 1, missing = "notBreaching" }
    vendor-budget-near    = { metric = "proofing_vendor_budget_used_ratio", collected = true, statistic = "Maximum", compare = "GreaterThanOrEqualToThreshold", threshold = 0.8, period = 60, periods = 1, missing = "notBreaching" }
    vendor-breaker-open   = { metric = "proofing_vendor_breaker_open", collected = true, statistic = "Maximum", compare = "GreaterThanOrEqualToThreshold", threshold = 1, period = 60, periods = 2, missing = "notBreaching" }
    shadow-disagreement   = { metric = "ShadowDisagreed", collected = false, statistic = "Sum", compare = "GreaterThanOrEqualToThreshold", threshold = 10, period = 3600, periods = 1, missing = "notBreaching" }
    calls-not-recorded    = { metric = "CallRecordsLost", collected = false, statistic = "Sum", compare = "GreaterThanOrEqualToThreshold", threshold = 1, period = 900, periods = 1, missing = "notBreaching" }
    jobs-waiting          = { metric = "proofing_queue_oldest_seconds", collected = true, statistic = "Maximum", compare = "GreaterThanThreshold", threshold = 10, period = 60, periods = 1, missing = "notBreaching" }
    jobs-at-risk          = { metric = "proofing_queue_durability_risks", collected = true, statistic = "Maximum", compare = "GreaterThanThreshold", threshold = 0, period = 60, periods = 5, missing = "notBreaching" }
    queue-paused          = { metric = "proofing_queue_paused", collected = true, statistic = "Maximum", compare = "GreaterThanOrEqualToThreshold", threshold = 1, period = 60, periods = 15, missing = "notBreaching" }
    no-worker             = { metric = "proofing_workers_alive", collected = true, statistic = "Maximum", compare = "LessThanThreshold", threshold = 1, period = 60, periods = 2, missing = "notBreaching" }
    backend-down          = { metric = "proofing_backend_up", collected = true, statistic = "Minimum", compare = "LessThanThreshold", threshold = 1, period = 60, periods = 1, missing = "notBreaching" }
    settings-refused      = { metric = "proofing_settings_refused", collected = true, statistic = "Maximum", compare = "GreaterThanOrEqualToThreshold", threshold = 1, period = 60, periods = 1, missing = "notBreaching" }
    clock-skew            = { metric = "proofing_clock_skew_seconds", collected = true, statistic = "Maximum", compare = "GreaterThanThreshold", threshold = 2, period = 60, periods = 2, missing = "notBreaching" }
    people-refused        = { metric = "PeopleRefused", collected = false, statistic = "Sum", compare = "GreaterThanOrEqualToThreshold", threshold = 1, period = 300, periods = 1, missing = "notBreaching" }
    connections-refused   = { metric = "ConnectionsRefused", collected = false, statistic = "Sum", compare = "GreaterThanOrEqualToThreshold", threshold = 1, period = 300, periods = 1, missing = "notBreaching" }
    endpoint-disabled     = { metric = "EndpointDisabled", collected = false, statistic = "Sum", compare = "GreaterThanOrEqualToThreshold", threshold = 1, period = 300, periods = 1, missing = "notBreaching" }
    events-dead           = { metric = "EventsDead", collected = false, statistic = "Sum", compare = "GreaterThanOrEqualToThreshold", threshold = 1, period = 900, periods = 1, missing = "notBreaching" }
    events-late           = { metric = "proofing_deliveries_oldest_due_seconds", collected = true, statistic = "Maximum", compare = "GreaterThanThreshold", threshold = 60, period = 60, periods = 5, missing = "notBreaching" }
  }

  percent_alarms = {
    http-budget-fast = { bad = ["RequestsFailed", "PeopleRefused", "HTTPCode_ELB_5XX_Count"], all = ["RequestCount", "HTTPCode_ELB_5XX_Count"], threshold = 1.44, period = 3600 }
    http-budget-slow = { bad = ["RequestsFailed", "PeopleRefused", "HTTPCode_ELB_5XX_Count"], all = ["RequestCount", "HTTPCode_ELB_5XX_Count"], threshold = 0.1, period = 86400 }
    jobs-budget-fast = { bad = ["JobsEndedBadly"], all = ["JobsEnded"], threshold = 14.4, period = 3600 }
    jobs-budget-slow = { bad = ["JobsEndedBadly"], all = ["JobsEnded"], threshold = 1, period = 86400 }
  }

  vendor_metrics = {
    VendorCalls  = { roles = ["web", "worker"], pattern = "{ $.name = \"outbound_call\" }", value = "1", default = null }
    VendorErrors = { roles = ["web", "worker"], pattern = "{ ($.name = \"outbound_call\") && (($.status NOT EXISTS) || ($.status IS NULL) || ($.status >= 500)) }", value = "1", default = null }
  }

  vendor_error_percent  = 10
  vendor_least_calls    = 5
  vendor_seconds        = 300
  burn_least_events     = 5
  vendor_error_percents = {}
  collected             = ["proofing_backend_up", "proofing_clock_skew_seconds", "proofing_deliveries_oldest_due_seconds", "proofing_queue_durability_risks", "proofing_queue_oldest_seconds", "proofing_queue_paused", "proofing_settings_refused", "proofing_vendor_breaker_open", "proofing_vendor_budget_used_ratio", "proofing_vendor_budgets_reached_total", "proofing_workers_alive"]
  balancer_metrics      = ["HTTPCode_ELB_5XX_Count", "RequestCount"]
}
