# What a host is made of: an image of Amazon Linux, the release from the artifact bucket, and a unit.

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

locals {
  log_group = { for role in setunion(local.roles, ["proxy"]) : role => "/${local.name}/${role}" }

  group_names  = { for role in ["web", "worker"] : role => "${local.name}-${role}" }
  owner_secret = aws_db_instance.main.master_user_secret[0].secret_arn
  probe_ports  = { web = 9101, worker = 9102 } # as in deploy/settings.production.yaml

  # Traces are off without a collector, and migrate makes none.
  tracing      = var.tracing == null ? {} : merge(var.tracing.variables, { OTEL_EXPORTER_OTLP_ENDPOINT = var.tracing.endpoint })
  tracing_port = try(tonumber(regex(":([0-9]+)$", var.tracing.endpoint)[0]), startswith(var.tracing.endpoint, "https:") ? 443 : 80, null)

  # What this module knows better than settings.yaml; none of it is secret.
  environment = {
    for role in local.roles : role => merge({
      PROOFING_ENV                    = var.environment
      PROOFING_SETTINGS               = "/etc/proofing/settings.yaml"
      PROOFING_LOG_DIRECTORY          = "/srv/proofing/log"
      PROOFING_PUBLIC_URL             = var.public_url
      PROOFING_OUTBOUND_PROXY         = "http://${aws_lb.proxy.dns_name}:3128"
      PROOFING_TRUSTED_PROXIES        = jsonencode([for subnet in aws_subnet.public : subnet.cidr_block])
      PROOFING_AWS__REGION            = var.region
      PROOFING_AWS__IMAGE_BUCKET      = local.bucket_names["images"]
      PROOFING_AWS__KMS_KEY_ID        = aws_kms_key.main["application"].arn
      PROOFING_AWS__SECRET_BUCKET     = local.bucket_names["secrets"]
      PROOFING_AWS__SECRET_OBJECT_KEY = "${var.environment}/${role}.yaml"
      PROOFING_POSTGRES__REPLICATION  = "managed"
      PROOFING_WEB_PROBE_PORT         = local.probe_ports.web
      PROOFING_WORKER_PROBE_PORT      = local.probe_ports.worker
    }, role == "migrate" ? {} : local.tracing)
  }

  agent = {
    for role in setunion(local.roles, ["proxy"]) : role => jsonencode({
      agent = { run_as_user = "root" }
      logs = merge(
        {
          logs_collected = {
            files = {
              collect_list = [
                for stream, path in {
                  "{instance_id}"            = role == "proxy" ? "/var/log/squid/access.log" : "/srv/proofing/log/${var.environment}.log"
                  "{instance_id}/first-boot" = "/var/log/cloud-init-output.log"
                  } : {
                  file_path       = path
                  log_group_name  = local.log_group[role]
                  log_stream_name = stream
                  timezone        = "UTC"
                }
              ]
            }
          }
        },
        { for section, content in {
          metrics_collected = {
            prometheus = {
              log_group_name         = local.log_group[role]
              prometheus_config_path = "/opt/aws/amazon-cloudwatch-agent/etc/prometheus.yaml"
              emf_processor = {
                metric_namespace = local.name
                metric_declaration = [{
                  source_labels    = ["job"]
                  label_matcher    = "^proofing$"
                  dimensions       = [["job"]]
                  metric_selectors = [for name in local.collected : "^${name}$"]
                }]
              }
            }
          }
        } : section => content if contains(["web", "worker"], role) },
      )
    })
  }

  user_data = merge(
    {
      for role in local.roles : role => templatefile("${path.module}/templates/host.sh.tftpl", {
        role             = role
        region           = var.region
        release          = var.release
        artifact_bucket  = local.bucket_names["artifacts"]
        settings_key     = aws_s3_object.settings.key
        settings_version = aws_s3_object.settings.version_id
        owner_secret     = local.owner_secret
        database         = aws_db_instance.main.address
        environment      = local.environment[role]
        probe_port       = lookup(local.probe_ports, role, null)
        unit             = file("${path.module}/../deploy/systemd/proofing-${role}.service")
        agent            = local.agent[role]
        grants           = file("${path.module}/templates/grants.py.tftpl")
        lifecycle = templatefile("${path.module}/templates/lifecycle.sh.tftpl", {
          role         = role
          region       = var.region
          probe_port   = lookup(local.probe_ports, role, null)
          wait_seconds = role == "web" ? 30 : 0
        })
      })
    },
    {
      proxy = templatefile("${path.module}/templates/proxy.sh.tftpl", {
        squid = templatefile("${path.module}/templates/squid.conf.tftpl", {
          hosts          = var.vendor_hosts
          endpoints      = distinct([for host in var.endpoint_hosts : host if !endswith(host, ":8443")])
          endpoints_8443 = distinct([for host in var.endpoint_hosts : trimsuffix(host, ":8443") if endswith(host, ":8443")])
        })
        agent = local.agent["proxy"]
      })
    },
  )
}

resource "aws_cloudwatch_log_group" "host" {
  for_each          = local.log_group
  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main["logs"].arn
}

resource "aws_launch_template" "host" {
  for_each      = local.user_data
  name          = "${local.name}-${each.key}"
  image_id      = data.aws_ssm_parameter.image.insecure_value
  instance_type = each.key == "proxy" ? "t3.small" : var.instance_type
  user_data     = base64encode(each.value)

  update_default_version = true
  vpc_security_group_ids = [aws_security_group.main[each.key].id]

  iam_instance_profile {
    arn = aws_iam_instance_profile.host[each.key].arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    instance_metadata_tags      = "enabled" # a host learns there which group it is in
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size = 20
      volume_type = "gp3"
      encrypted   = true
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "${local.name}-${each.key}" }
  }
}
