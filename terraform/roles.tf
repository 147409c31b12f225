# One role a kind of host. `application` is the policy that the product ships; `host` is what the machine needs.
# Operators have a role without a machine, which those whom var.operator_principal_arns names may assume.

locals {
  roles         = toset(["web", "worker", "migrate"])
  operators     = length(var.operator_principal_arns) > 0 ? toset(["operator"]) : toset([])
  policies_path = "${path.module}/../plugins/stores/proofing_aws/policies"
  assume_by_ec2 = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role" "host" {
  for_each           = setunion(local.roles, ["proxy"])
  name               = "${local.name}-${each.key}"
  assume_role_policy = local.assume_by_ec2
}

resource "aws_iam_role" "operator" {
  for_each             = local.operators
  name                 = "${local.name}-${each.key}"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = var.operator_principal_arns }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_instance_profile" "host" {
  for_each = aws_iam_role.host
  name     = each.value.name
  role     = each.value.name
}

resource "aws_iam_role_policy" "application" {
  for_each = setunion(local.roles, local.operators)
  name     = "application"
  role     = merge(aws_iam_role.host, aws_iam_role.operator)[each.key].id
  # The shipped files name the partition aws; GovCloud is another one.
  policy = replace(templatefile("${local.policies_path}/${each.key}.json", {
    environment       = var.environment
    image_bucket      = local.bucket_names["images"]
    image_prefix      = ""
    kms_key_arn       = aws_kms_key.main["application"].arn
    secret_bucket     = local.bucket_names["secrets"]
    secret_object_key = "${var.environment}/${each.key}.yaml"
  }), "arn:aws:", "arn:${local.partition}:")
}

resource "aws_iam_role_policy" "host" {
  for_each = aws_iam_role.host
  name     = "host"
  role     = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
          Resource = "arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/${local.name}/*"
        },
        {
          Sid      = "BeManaged"
          Effect   = "Allow"
          Action   = ["ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel", "ec2messages:AcknowledgeMessage", "ec2messages:GetMessages", "ec2messages:SendReply"]
          Resource = "*" # wildcard: these actions know no resources
        },
      ],
      [for statement in [
        {
          Sid      = "FetchTheRelease"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = "arn:${local.partition}:s3:::${local.bucket_names["artifacts"]}/releases/*"
        },
        {
          Sid      = "FetchItsSettings"
          Effect   = "Allow"
          Action   = "s3:GetObjectVersion"
          Resource = "arn:${local.partition}:s3:::${local.bucket_names["artifacts"]}/${local.settings_key}"
        },
        {
          Sid      = "FinishItsLifecycle"
          Effect   = "Allow"
          Action   = ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"]
          Resource = "arn:${local.partition}:autoscaling:${var.region}:${local.account}:autoScalingGroup:*:autoScalingGroupName/${local.name}-${each.key}*"
        },
      ] : statement if each.key != "proxy"],
      [for statement in [
        {
          Sid      = "ReportItself"
          Effect   = "Allow"
          Action   = "autoscaling:SetInstanceHealth"
          Resource = "arn:${local.partition}:autoscaling:${var.region}:${local.account}:autoScalingGroup:*:autoScalingGroupName/${local.group_names["worker"]}"
        },
      ] : statement if each.key == "worker"],
      # Jobs send codes; with ruby_workers_idv_enabled off, requests do.
      [for statement in [
        {
          Sid      = "SendConfirmationCodes"
          Effect   = "Allow"
          Action   = ["sms-voice:SendTextMessage", "sms-voice:SendVoiceMessage"]
          Resource = var.messaging_identity_arns
        },
      ] : statement if contains(["web", "worker"], each.key) && length(var.messaging_identity_arns) > 0],
      [for statement in [
        {
          Sid      = "ReadTheOwnersPassword"
          Effect   = "Allow"
          Action   = "secretsmanager:GetSecretValue"
          Resource = local.owner_secret
        },
      ] : statement if each.key == "migrate"],
    )
  })
}
