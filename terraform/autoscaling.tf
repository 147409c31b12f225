# Migrate, then web and worker. A group replaces its hosts in a rolling refresh whenever its launch template changes.

# A new release is a new group. Its host is in service only after it has migrated and granted, because of the launch
# hook; Terraform waits for that, and without it touches neither web nor worker (docs/adr/0025). AWS completes the name:
# the group of a migration that failed is still there when the next one is created.
resource "aws_autoscaling_group" "migrate" {
  name_prefix               = "${local.name}-migrate-${var.release}-"
  min_size                  = 1
  max_size                  = 1
  desired_capacity          = 1
  wait_for_capacity_timeout = "20m"
  vpc_zone_identifier       = [for subnet in aws_subnet.private : subnet.id]

  launch_template {
    id      = aws_launch_template.host["migrate"].id
    version = aws_launch_template.host["migrate"].latest_version
  }

  initial_lifecycle_hook {
    name                 = "launch"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    default_result       = "ABANDON"
    heartbeat_timeout    = 1200
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [
    aws_db_instance.main, aws_iam_role_policy.application, aws_iam_role_policy.host, aws_vpc_endpoint.service,
    aws_vpc_security_group_egress_rule.inside, aws_vpc_security_group_egress_rule.s3,
  ]
}

locals {
  sizes = {
    web    = { min = var.asg_web_min, desired = var.asg_web_desired, max = var.asg_web_max }
    worker = { min = var.asg_worker_min, desired = var.asg_worker_desired, max = var.asg_worker_max }
  }
}

resource "aws_autoscaling_group" "main" {
  for_each                  = local.sizes
  name                      = local.group_names[each.key]
  min_size                  = each.value.min
  desired_capacity          = each.value.desired
  max_size                  = each.value.max
  vpc_zone_identifier       = [for subnet in aws_subnet.private : subnet.id]
  target_group_arns         = each.key == "web" ? [aws_lb_target_group.web.arn] : []
  health_check_type         = each.key == "web" ? "ELB" : "EC2"
  health_check_grace_period = 300
  wait_for_capacity_timeout = "20m"

  launch_template {
    id      = aws_launch_template.host[each.key].id
    version = aws_launch_template.host[each.key].latest_version
  }

  initial_lifecycle_hook {
    name                 = "launch"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    default_result       = "ABANDON"
    heartbeat_timeout    = 900
  }

  # The host drains and answers (templates/lifecycle.sh.tftpl); without an answer it ends after this.
  initial_lifecycle_hook {
    name                 = "drain"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    default_result       = "CONTINUE"
    heartbeat_timeout    = 180
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 150
      instance_warmup        = 60
      auto_rollback          = true
    }
  }

  # It is where the group starts. The policies below change it, and AWS moves it into new bounds of min_size and max_size.
  lifecycle {
    ignore_changes = [desired_capacity]
  }

  depends_on = [aws_autoscaling_group.migrate, aws_elasticache_replication_group.main, aws_autoscaling_group.proxy]
}

# Workers follow the age of the oldest job, web its processors.

resource "aws_autoscaling_policy" "workers_out" {
  name                   = "oldest-job"
  autoscaling_group_name = aws_autoscaling_group.main["worker"].name
  policy_type            = "StepScaling"
  adjustment_type        = "ChangeInCapacity"

  step_adjustment {
    metric_interval_lower_bound = 0
    metric_interval_upper_bound = 20
    scaling_adjustment          = 1
  }

  step_adjustment {
    metric_interval_lower_bound = 20
    scaling_adjustment          = 2
  }
}

resource "aws_autoscaling_policy" "workers_in" {
  name                   = "no-job-waits"
  autoscaling_group_name = aws_autoscaling_group.main["worker"].name
  policy_type            = "SimpleScaling"
  adjustment_type        = "ChangeInCapacity"
  scaling_adjustment     = -1
  cooldown               = 600
}

resource "aws_autoscaling_policy" "web" {
  name                   = "processors"
  autoscaling_group_name = aws_autoscaling_group.main["web"].name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = 50
    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}
