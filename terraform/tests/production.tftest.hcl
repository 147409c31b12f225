# Mocked: no account, no network. What a plan of the whole comes to.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment           = "production"
  region                = "us-east-1"
  availability_zones    = ["us-east-1a", "us-east-1b"]
  public_url            = "https://proofing.example.gov"
  certificate_arn       = "arn:aws:acm:us-east-1:123456789012:certificate/x"
  release               = "0.1.0"
  settings              = "production: {public_url: 'https://proofing.example.gov'}"
  runbook_url           = "https://docs.example.gov/proofing/runbook"
  vendor_hosts          = ["api.acme.example", "phones.example"]
  vendors               = ["acme:resolution", "acme:phone"]
  endpoint_hosts        = ["hooks.agency.example", "hooks.agency.example:8443", "bureau.example:8443"]
  vendor_error_percents = { "acme:phone" = 25 }
  redis_auth_token      = "00000000000000000000000000000000"

  messaging_identity_arns = ["arn:aws:sms-voice:us-east-1:123456789012:pool/pool-0123"]
  operator_principal_arns = ["arn:aws:iam::123456789012:role/proofing-operators"]
}

run "whole" {
  assert {
    condition     = aws_autoscaling_group.main["worker"].max_size == 8 && aws_autoscaling_group.main["web"].desired_capacity == 2
    error_message = "The groups do not have the sizes of the variables."
  }
  assert {
    condition     = alltrue([for rule in aws_s3_bucket_cors_configuration.images.cors_rule : tolist(rule.allowed_origins) == tolist(["https://proofing.example.gov"]) && tolist(rule.allowed_methods) == tolist(["PUT"]) && length(rule.allowed_headers) == 3])
    error_message = "CORS allows something else than uploads from the public origin."
  }
  assert {
    condition     = strcontains(local.user_data["proxy"], "acl vendors dstdomain -n api.acme.example phones.example\n")
    error_message = "The forward proxy lets other hosts through than vendor_hosts."
  }
  assert {
    condition     = strcontains(local.user_data["proxy"], "acl endpoints dstdomain -n hooks.agency.example\nacl endpoints_8443 dstdomain -n hooks.agency.example bureau.example\n") && length(aws_vpc_security_group_egress_rule.endpoints) == 1
    error_message = "Events do not reach the endpoints of endpoint_hosts."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.job) + length(aws_cloudwatch_metric_alarm.percent) == length(local.alarms) + length(local.percent_alarms) && length(aws_cloudwatch_metric_alarm.vendor) == 2
    error_message = "An alarm is missing."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.vendor["acme:resolution"].threshold == 10 && aws_cloudwatch_metric_alarm.vendor["acme:phone"].threshold == 25
    error_message = "A vendor does not have its percentage."
  }
  assert {
    condition     = aws_db_instance.main.multi_az && aws_elasticache_replication_group.main.snapshot_retention_limit == 0
    error_message = "PostgreSQL has no standby, or Redis is written to disk."
  }
  assert {
    condition     = can(regex("^proofing-production-final-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", aws_db_instance.main.final_snapshot_identifier))
    error_message = "The last snapshot has a name that a stack before may have left behind, or one that AWS does not take."
  }
  assert {
    condition     = alltrue([for data in values(local.user_data) : length(data) < 16384])
    error_message = "User data is longer than the 16 KB that EC2 takes."
  }
  assert {
    condition     = aws_autoscaling_group.migrate.name_prefix == "proofing-production-migrate-0.1.0-"
    error_message = "A release is not a new migrate group, or its name is fixed: that of a failed one exists already."
  }
  assert {
    condition     = aws_s3_object.settings.key == "settings/settings.yaml"
    error_message = "The key of the settings changes with them: an edit deletes what hosts of the template before fetch."
  }
  assert {
    condition     = alltrue([for data in values(local.user_data) : !strcontains(data, "OTEL_")]) && length(aws_vpc_security_group_egress_rule.traces) == 0
    error_message = "Traces are on without a collector."
  }
  assert {
    condition     = !contains(keys(aws_s3_bucket_versioning.main), "images")
    error_message = "A deleted image would stay as a version."
  }
}

run "again" {
  command = plan
  assert {
    # Unknown in a plan, which fails, when the name would change.
    condition     = aws_db_instance.main.final_snapshot_identifier == "proofing-production-final-${terraform_data.final_snapshot.id}"
    error_message = "Another plan gives the last snapshot another name."
  }
}

run "off" {
  command = plan
  variables {
    asg_worker_min            = 0
    asg_worker_desired        = 0
    asg_worker_max            = 0
    idp_worker_alarms_enabled = 0
    messaging_identity_arns   = []
    operator_principal_arns   = []
  }
  assert {
    condition     = length(aws_iam_role.operator) == 0 && !contains(keys(aws_iam_role_policy.application), "operator")
    error_message = "Operators have a role although nobody is named who may assume it."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.host["worker"].policy, "sms-voice")
    error_message = "Workers may send codes although nothing is named that sends them."
  }
  assert {
    condition     = aws_autoscaling_group.main["worker"].max_size == 0
    error_message = "Workers are not off."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.job) + length(aws_cloudwatch_metric_alarm.percent) == 0 && length(aws_cloudwatch_metric_alarm.vendor) == 0
    error_message = "Alarms are left."
  }
}

run "traced" {
  command = plan
  variables {
    tracing = {
      endpoint  = "http://collector.example.gov:4318"
      cidr      = "10.60.0.0/28"
      variables = { OTEL_TRACES_SAMPLER_ARG = "0.1" }
    }
  }
  assert {
    condition     = alltrue([for role in ["web", "worker"] : strcontains(local.user_data[role], "OTEL_EXPORTER_OTLP_ENDPOINT='http://collector.example.gov:4318'\nOTEL_TRACES_SAMPLER_ARG='0.1'\n")]) && !strcontains(local.user_data["migrate"], "OTEL_")
    error_message = "Web and worker do not know the collector, or migrate does."
  }
  assert {
    condition     = sort(keys(aws_vpc_security_group_egress_rule.traces)) == tolist(["web", "worker"]) && alltrue([for rule in aws_vpc_security_group_egress_rule.traces : rule.cidr_ipv4 == "10.60.0.0/28" && rule.from_port == 4318 && rule.to_port == 4318])
    error_message = "Web and worker do not reach the collector, or reach more than its port."
  }
}

run "traced_with_tls" {
  command = plan
  variables {
    tracing = { endpoint = "https://collector.example.gov", cidr = "10.60.0.0/28" }
  }
  assert {
    condition     = [for rule in aws_vpc_security_group_egress_rule.traces : rule.to_port] == [443, 443]
    error_message = "An endpoint without a port is not that of TLS."
  }
}

run "traces_of_something_else" {
  command = plan
  variables {
    tracing = { endpoint = "collector:4318/v1", cidr = "0.0.0.0/0", variables = { OTEL_EXPORTER_OTLP_HEADERS = "token" } }
  }
  expect_failures = [var.tracing]
}

run "group_without_minimum" {
  command = plan
  variables {
    asg_web_min        = 0
    asg_worker_min     = 0
    asg_worker_desired = 0
  }
  expect_failures = [var.asg_web_min, var.asg_worker_min]
}

run "settings_of_another_environment" {
  command = plan
  variables {
    settings = "other: {}"
  }
  expect_failures = [var.settings]
}

run "refused" {
  command = plan
  variables {
    environment               = "Prod"
    public_url                = "http://proofing.example.gov/"
    vendor_hosts              = ["*.example"]
    endpoint_hosts            = ["hooks.example:22"]
    messaging_identity_arns   = ["pool-0123"]
    operator_principal_arns   = ["*"]
    idp_worker_alarms_enabled = 2
    runbook_url               = "https://docs.example.gov/proofing/runbook/"
    vendor_error_percent      = 100
    vendor_error_percents     = { "acme:resolution" = 0 }
    asg_worker_desired        = 9
    redis_auth_token          = "short"
    availability_zones        = ["us-east-1a"]
  }
  expect_failures = [
    var.environment, var.public_url, var.vendor_hosts, var.endpoint_hosts, var.messaging_identity_arns, var.operator_principal_arns,
    var.idp_worker_alarms_enabled, var.asg_worker_desired,
    var.redis_auth_token, var.availability_zones, var.runbook_url, var.vendor_error_percent, var.vendor_error_percents,
  ]
}
