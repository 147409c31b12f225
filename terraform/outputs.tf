output "load_balancer" {
  description = "Name that the host of public_url must point to (CNAME or alias)."
  value       = aws_lb.main.dns_name
}

output "proxy_addresses" {
  description = "Addresses from which vendors are called."
  value       = [for address in aws_eip.proxy : address.public_ip]
}

output "database" {
  description = "Host of PostgreSQL, for the secret objects."
  value       = aws_db_instance.main.address
}

output "database_owner_secret" {
  description = "ARN of the secret with the password of proofing_owner."
  value       = local.owner_secret
}

output "redis" {
  description = "Host of Redis, for the secret objects: rediss://HOST:6379/0."
  value       = aws_elasticache_replication_group.main.primary_endpoint_address
}

output "network" {
  description = "What a collector of traces needs to be reached: VPC, route table of the private subnets, groups of web and worker."
  value = {
    vpc                 = aws_vpc.main.id
    private_route_table = aws_route_table.private.id
    security_groups     = { for role in ["web", "worker"] : role => aws_security_group.main[role].id }
  }
}

output "buckets" {
  description = "Names of the buckets: images, secrets, artifacts."
  value       = local.bucket_names
}
