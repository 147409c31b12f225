# Who may talk to whom: one row a connection.

locals {
  groups = toset(["load-balancer", "web", "worker", "migrate", "proxy", "database", "redis", "endpoints"])

  connections = {
    for row in [
      ["load-balancer", "web", 8000],
      ["web", "database", 5432],
      ["worker", "database", 5432],
      ["migrate", "database", 5432],
      ["web", "redis", 6379],
      ["worker", "redis", 6379],
      ["web", "proxy", 3128],
      ["worker", "proxy", 3128],
      ["web", "endpoints", 443],
      ["worker", "endpoints", 443],
      ["migrate", "endpoints", 443],
      ["proxy", "endpoints", 443],
    ] : "${row[0]}-to-${row[1]}" => { from = row[0], to = row[1], port = tonumber(row[2]) }
  }
}

resource "aws_security_group" "main" {
  for_each    = local.groups
  name        = "${local.name}-${each.key}"
  description = "Proofing ${var.environment}: ${each.key}"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "public" {
  security_group_id = aws_security_group.main["load-balancer"].id
  description       = "Browsers"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "inside" {
  for_each                     = local.connections
  security_group_id            = aws_security_group.main[each.value.to].id
  referenced_security_group_id = aws_security_group.main[each.value.from].id
  description                  = each.key
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "inside" {
  for_each                     = local.connections
  security_group_id            = aws_security_group.main[each.value.from].id
  referenced_security_group_id = aws_security_group.main[each.value.to].id
  description                  = each.key
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

# S3 through its gateway: releases, secrets, images, packages of Amazon Linux.
resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each          = toset(["web", "worker", "migrate", "proxy"])
  security_group_id = aws_security_group.main[each.key].id
  description       = "S3"
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "traces" {
  for_each          = toset(var.tracing == null ? [] : ["web", "worker"])
  security_group_id = aws_security_group.main[each.key].id
  description       = "Collector of traces"
  cidr_ipv4         = var.tracing.cidr
  ip_protocol       = "tcp"
  from_port         = local.tracing_port
  to_port           = local.tracing_port
}

# Vendors and relying parties change their addresses; names are held to the lists in templates/squid.conf.tftpl.
resource "aws_vpc_security_group_egress_rule" "vendors" {
  security_group_id = aws_security_group.main["proxy"].id
  description       = "Vendors"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  count             = anytrue([for host in var.endpoint_hosts : endswith(host, ":8443")]) ? 1 : 0
  security_group_id = aws_security_group.main["proxy"].id
  description       = "Endpoints of relying parties"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 8443
  to_port           = 8443
}
