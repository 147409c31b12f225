# One key for each purpose. The application key wraps data keys, and IAM alone decides who uses it
# (docs/howto/aws-rights.md); the others are used by AWS on behalf of the roles named here.

locals {
  # What the console writes, without which nobody could manage the key.
  key_owner = {
    Sid       = "LeaveItToIAM"
    Effect    = "Allow"
    Principal = { AWS = local.root_arn }
    Action    = "kms:*" # wildcard: AWS requires it, or the key cannot be managed
    Resource  = "*"     # wildcard: in a key policy this means the key itself
  }
  host_roles = [for role in aws_iam_role.host : role.arn]

  key_statements = {
    application = []

    data = [
      {
        Sid       = "OpenTheOwnersPassword"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.host["migrate"].arn }
        Action    = ["kms:Decrypt"]
        Resource  = "*" # wildcard: in a key policy this means the key itself
        Condition = {
          StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" }
          StringLike   = { "kms:EncryptionContext:SecretARN" = "arn:${local.partition}:secretsmanager:${var.region}:${local.account}:secret:rds!*" }
        }
      },
    ]

    images = [
      {
        Sid       = "SealUploads"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.host["web"].arn }
        Action    = ["kms:GenerateDataKey"]
        Resource  = "*" # wildcard: in a key policy this means the key itself
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
      },
      {
        Sid       = "OpenUploads"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.host["worker"].arn }
        Action    = ["kms:Decrypt"]
        Resource  = "*" # wildcard: in a key policy this means the key itself
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
      },
    ]

    secrets = [
      {
        Sid       = "OpenSecretsAndReleases"
        Effect    = "Allow"
        Principal = { AWS = concat(local.host_roles, [for role in aws_iam_role.operator : role.arn]) }
        Action    = ["kms:Decrypt"]
        Resource  = "*" # wildcard: in a key policy this means the key itself
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
      },
    ]

    logs = [
      {
        Sid       = "WriteLogs"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
        Resource  = "*" # wildcard: in a key policy this means the key itself
        Condition = {
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/${local.name}/*" }
        }
      },
      {
        Sid       = "SendAlarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*" # wildcard: in a key policy this means the key itself
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  }
}

resource "aws_kms_key" "main" {
  for_each                = local.key_statements
  description             = "Proofing ${var.environment}: ${each.key}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.key_owner], each.value)
  })
}

resource "aws_kms_alias" "main" {
  for_each      = aws_kms_key.main
  name          = "alias/${local.name}-${each.key}"
  target_key_id = each.value.key_id
}
