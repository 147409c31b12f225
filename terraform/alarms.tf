# The alarms of the product, over its log lines (docs/reference/logs.md) and metrics. Each notifies the topic and links
# to its page of the runbook. What they watch is in alarms_generated.tf, made of deploy/monitoring/alarms.yaml.

locals {
  # One filter for each metric and log group: name of the filter to metric and role.
  filters = merge([
    for name, metric in merge(local.log_metrics, local.vendor_metrics) : {
      for role in metric.roles : "${name}-${role}" => merge(metric, {
        metric     = name
        role       = role
        dimensions = contains(keys(local.vendor_metrics), name) ? { service = "$.service" } : null
      })
    }
  ]...)
  percent_of_vendors = merge(local.vendor_error_percents, var.vendor_error_percents)
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.name}-alarms"
  kms_master_key_id = aws_kms_key.main["logs"].arn
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each  = var.alarm_topic_subscribers
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_cloudwatch_log_metric_filter" "line" {
  for_each       = local.filters
  name           = each.key
  log_group_name = aws_cloudwatch_log_group.host[each.value.role].name
  pattern        = each.value.pattern

  metric_transformation {
    namespace     = local.name
    name          = each.value.metric
    value         = each.value.value
    default_value = each.value.default
    dimensions    = each.value.dimensions
  }
}

resource "aws_cloudwatch_metric_alarm" "job" {
  for_each            = { for name, alarm in local.alarms : name => alarm if var.idp_worker_alarms_enabled == 1 }
  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "Runbook: ${var.runbook_url}/${each.key}.md"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  namespace           = local.name
  metric_name         = each.value.metric
  dimensions          = each.value.collected ? { job = "proofing" } : null
  statistic           = each.value.statistic
  comparison_operator = each.value.compare
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
}

# The objectives. CloudWatch looks at one window, Prometheus at a long and a short one.
resource "aws_cloudwatch_metric_alarm" "percent" {
  for_each            = { for name, alarm in local.percent_alarms : name => alarm if var.idp_worker_alarms_enabled == 1 }
  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "Runbook: ${var.runbook_url}/${each.key}.md"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  # A metric without events in a period has no data, which adds nothing.
  metric_query {
    id = "percent"
    expression = format("IF(%s >= ${local.burn_least_events}, 100 * (%s) / (%s), 0)", [
      for part in ["bad", "bad", "all"] : join(" + ", [for index, _ in each.value[part] : "FILL(${part}${index}, 0)"])
    ]...)
    label       = "Bad events in percent"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = merge([for part in ["bad", "all"] : { for index, metric in each.value[part] : "${part}${index}" => metric }]...)
    content {
      id = metric_query.key
      metric {
        namespace   = contains(local.balancer_metrics, metric_query.value) ? "AWS/ApplicationELB" : local.name
        metric_name = metric_query.value
        dimensions  = contains(local.balancer_metrics, metric_query.value) ? { LoadBalancer = aws_lb.main.arn_suffix } : null
        period      = each.value.period
        stat        = "Sum"
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "vendor" {
  for_each            = var.idp_worker_alarms_enabled == 1 ? var.vendors : toset([])
  alarm_name          = "${local.name}-vendor-errors-${each.key}"
  alarm_description   = "Runbook: ${var.runbook_url}/vendor-errors.md"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  comparison_operator = "GreaterThanThreshold"
  threshold           = lookup(local.percent_of_vendors, each.key, coalesce(var.vendor_error_percent, local.vendor_error_percent))
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "percent"
    expression  = "IF(calls >= ${local.vendor_least_calls}, 100 * FILL(errors, 0) / calls, 0)"
    label       = "Failed calls in percent"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { errors = "VendorErrors", calls = "VendorCalls" }
    content {
      id = metric_query.key
      metric {
        namespace   = local.name
        metric_name = metric_query.value
        dimensions  = { service = each.key }
        period      = local.vendor_seconds
        stat        = "Sum"
      }
    }
  }
}

# Not alarms for people: these scale the workers. Every web process shows the age, so that it is known without workers.

resource "aws_cloudwatch_metric_alarm" "jobs_wait" {
  alarm_name          = "${local.name}-scale-out"
  alarm_description   = "Adds workers. Runbook: ${var.runbook_url}/jobs-waiting.md"
  alarm_actions       = [aws_autoscaling_policy.workers_out.arn]
  namespace           = local.name
  metric_name         = "proofing_queue_oldest_seconds"
  dimensions          = { job = "proofing" }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
}

resource "aws_cloudwatch_metric_alarm" "no_job_waits" {
  alarm_name          = "${local.name}-scale-in"
  alarm_description   = "Removes workers, one by one. Runbook: ${var.runbook_url}/jobs-waiting.md"
  alarm_actions       = [aws_autoscaling_policy.workers_in.arn]
  namespace           = local.name
  metric_name         = "proofing_queue_oldest_seconds"
  dimensions          = { job = "proofing" }
  statistic           = "Maximum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 30
  treat_missing_data  = "notBreaching"
}
