# The only way out: a forward proxy in two zones or more behind a balancer that only the hosts of this module reach.

resource "aws_lb" "proxy" {
  name                             = "${local.name}-proxy"
  internal                         = true
  load_balancer_type               = "network"
  subnets                          = [for subnet in aws_subnet.proxy : subnet.id]
  security_groups                  = [aws_security_group.main["proxy"].id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.protect
}

resource "aws_lb_target_group" "proxy" {
  name               = "${local.name}-proxy"
  vpc_id             = aws_vpc.main.id
  port               = 3128
  protocol           = "TCP"
  preserve_client_ip = "false" # the hosts of the proxy see the balancer, which is in their own group

  health_check {
    protocol = "TCP"
    interval = 10
  }
}

resource "aws_lb_listener" "proxy" {
  load_balancer_arn = aws_lb.proxy.arn
  port              = 3128
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.proxy.arn
  }
}

resource "aws_vpc_security_group_ingress_rule" "proxy_balancer" {
  security_group_id            = aws_security_group.main["proxy"].id
  referenced_security_group_id = aws_security_group.main["proxy"].id
  description                  = "From the balancer of the proxy"
  ip_protocol                  = "tcp"
  from_port                    = 3128
  to_port                      = 3128
}

resource "aws_vpc_security_group_egress_rule" "proxy_balancer" {
  security_group_id            = aws_security_group.main["proxy"].id
  referenced_security_group_id = aws_security_group.main["proxy"].id
  description                  = "From the balancer of the proxy"
  ip_protocol                  = "tcp"
  from_port                    = 3128
  to_port                      = 3128
}

resource "aws_autoscaling_group" "proxy" {
  name                      = "${local.name}-proxy"
  min_size                  = length(var.availability_zones)
  max_size                  = length(var.availability_zones) * 2
  desired_capacity          = length(var.availability_zones)
  vpc_zone_identifier       = [for subnet in aws_subnet.proxy : subnet.id]
  target_group_arns         = [aws_lb_target_group.proxy.arn]
  health_check_type         = "ELB"
  health_check_grace_period = 300

  launch_template {
    id      = aws_launch_template.host["proxy"].id
    version = aws_launch_template.host["proxy"].latest_version
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 150
    }
  }

  depends_on = [aws_route.proxy, aws_vpc_security_group_egress_rule.vendors]
}
