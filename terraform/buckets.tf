# images: what browsers upload, for a day at most. secrets: one object a role, written by hand. artifacts: releases
# and settings.yaml.

locals {
  buckets = {
    images    = "images"
    secrets   = "secrets"
    artifacts = "secrets"
  } # bucket to key
  settings_key = "settings/settings.yaml"
  bucket_names = { for bucket, key in local.buckets : bucket => "${local.name}-${bucket}-${local.account}" }

  tls_only = {
    for bucket, name in local.bucket_names : bucket => {
      Sid       = "TLSOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*" # wildcard: a denial must cover everything
      Resource  = ["arn:${local.partition}:s3:::${name}", "arn:${local.partition}:s3:::${name}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }

  image_statements = [
    {
      Sid       = "NeverReplace"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "arn:${local.partition}:s3:::${local.bucket_names["images"]}/*"
      Condition = { Null = { "s3:if-none-match" = "true" } }
    },
    {
      Sid       = "FreshSignatures"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "arn:${local.partition}:s3:::${local.bucket_names["images"]}/*"
      Condition = { NumericGreaterThan = { "s3:signatureAge" = "300000" } }
    },
  ]
}

resource "aws_s3_bucket" "main" {
  for_each      = local.buckets
  bucket        = local.bucket_names[each.key]
  force_destroy = !var.protect
}

resource "aws_s3_bucket_public_access_block" "main" {
  for_each                = local.buckets
  bucket                  = aws_s3_bucket.main[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "main" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.main[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "main" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.main[each.key].id

  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.main[each.value].arn
    }
  }
}

resource "aws_s3_bucket_policy" "main" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.main[each.key].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.tls_only[each.key]], [for statement in local.image_statements : statement if each.key == "images"])
  })
  # Anyone who creates the buckets first, by this policy (README, First time), uploads secrets next: encrypted and versioned.
  depends_on = [
    aws_s3_bucket_public_access_block.main, aws_s3_bucket_ownership_controls.main, aws_s3_bucket_versioning.main,
    aws_s3_bucket_server_side_encryption_configuration.main, aws_s3_bucket_lifecycle_configuration.main,
  ]
}

# A deleted image must be gone, so the image bucket keeps no versions.
resource "aws_s3_bucket_versioning" "main" {
  for_each = { for bucket, key in local.buckets : bucket => key if bucket != "images" }
  bucket   = aws_s3_bucket.main[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "main" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.main[each.key].id

  rule {
    id     = "old"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }

    dynamic "expiration" {
      for_each = each.key == "images" ? [1] : []
      content {
        days = expiration.value
      }
    }

    dynamic "noncurrent_version_expiration" {
      for_each = each.key == "images" ? [] : [90]
      content {
        noncurrent_days = noncurrent_version_expiration.value
      }
    }
  }
}

resource "aws_s3_bucket_cors_configuration" "images" {
  bucket = aws_s3_bucket.main["images"].id

  cors_rule {
    allowed_origins = [var.public_url]
    allowed_methods = ["PUT"]
    allowed_headers = ["content-type", "if-none-match", "x-amz-checksum-sha256"]
    max_age_seconds = 300
  }
}

# One key, never replaced: an edit makes a new version, and launch templates name theirs, so that a host of the template before,
# in a rollback or a scale-out, still finds its own.
resource "aws_s3_object" "settings" {
  bucket       = aws_s3_bucket.main["artifacts"].id
  key          = local.settings_key
  content      = var.settings
  content_type = "application/yaml"
  depends_on   = [aws_s3_bucket_versioning.main, aws_s3_bucket_server_side_encryption_configuration.main]
}
