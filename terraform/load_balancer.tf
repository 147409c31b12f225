# TLS ends here. The header rules are those of docs/howto/behind-a-proxy.md: the balancer appends the client's
# address, and trusted_proxies names its subnets.

resource "aws_lb" "main" {
  name               = local.name
  load_balancer_type = "application"
  subnets            = [for subnet in aws_subnet.public : subnet.id]
  security_groups    = [aws_security_group.main["load-balancer"].id]

  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  xff_header_processing_mode = "append"
  idle_timeout               = 60 # below web_keep_alive_seconds (75)
  enable_deletion_protection = var.protect
}

resource "aws_lb_target_group" "web" {
  name                 = "${local.name}-web"
  vpc_id               = aws_vpc.main.id
  port                 = 8000
  protocol             = "HTTP"
  deregistration_delay = "30" # forms are answered within 5 s; streams reconnect

  health_check {
    path                = "/healthz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.main.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}
