# PostgreSQL with a synchronous standby in another zone; Redis without persistence.

resource "aws_db_subnet_group" "main" {
  name       = local.name
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_db_parameter_group" "main" {
  name   = "${local.name}-17"
  family = "postgres17"

  dynamic "parameter" {
    for_each = {
      "rds.force_ssl"                     = "1"
      "log_error_verbosity"               = "terse"
      "log_parameter_max_length"          = "0"
      "log_parameter_max_length_on_error" = "0"
    }
    content {
      name  = parameter.key
      value = parameter.value
    }
  }
}

# A part of the name of the last snapshot: AWS keeps the snapshot when the stack is gone, and refuses its name to the
# next one. It stays as long as the database does, which a new key replaces.
resource "terraform_data" "final_snapshot" {
  triggers_replace = aws_kms_key.main["data"].arn
}

resource "aws_db_instance" "main" {
  identifier     = local.name
  engine         = "postgres"
  engine_version = "17"
  instance_class = var.database_instance_class
  db_name        = "proofing"
  username       = "proofing_owner"

  # RDS changes the password every week; only the migrate host reads it, when it starts (templates/host.sh.tftpl).
  manage_master_user_password   = true
  master_user_secret_kms_key_id = aws_kms_key.main["data"].arn

  multi_az                   = true # postgres.replication: managed
  db_subnet_group_name       = aws_db_subnet_group.main.name
  vpc_security_group_ids     = [aws_security_group.main["database"].id]
  publicly_accessible        = false
  parameter_group_name       = aws_db_parameter_group.main.name
  auto_minor_version_upgrade = true

  storage_type          = "gp3"
  allocated_storage     = var.database_storage_gb
  max_allocated_storage = var.database_storage_gb * 10
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.main["data"].arn

  backup_retention_period         = 14
  copy_tags_to_snapshot           = true
  deletion_protection             = var.protect
  skip_final_snapshot             = !var.protect
  final_snapshot_identifier       = "${local.name}-final-${terraform_data.final_snapshot.id}"
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.main["data"].arn
}

resource "aws_elasticache_subnet_group" "main" {
  name       = local.name
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_elasticache_parameter_group" "main" {
  name   = "${local.name}-7"
  family = "redis7"

  dynamic "parameter" {
    for_each = { "maxmemory-policy" = "noeviction", "slowlog-max-len" = "0" }
    content {
      name  = parameter.key
      value = parameter.value
    }
  }
}

resource "aws_elasticache_replication_group" "main" {
  replication_group_id       = local.name
  description                = "Proofing ${var.environment}: results, sessions, limits"
  engine                     = "redis"
  engine_version             = "7.1"
  node_type                  = var.redis_node_type
  port                       = 6379
  num_cache_clusters         = 2
  automatic_failover_enabled = true
  multi_az_enabled           = true
  subnet_group_name          = aws_elasticache_subnet_group.main.name
  security_group_ids         = [aws_security_group.main["redis"].id]
  parameter_group_name       = aws_elasticache_parameter_group.main.name
  snapshot_retention_limit   = 0 # results are never written to a disk
  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.main["data"].arn
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  auth_token                 = var.redis_auth_token
}
