# A whole environment: copy this folder, change the values, then: terraform init, terraform apply (README).

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # The state holds redis_auth_token: keep it in an encrypted bucket that few may read.
  # backend "s3" { bucket = "…", key = "proofing/staging", region = "…", encrypt = true, use_lockfile = true }
}

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = { application = "proofing", environment = "staging" }
  }
}

variable "redis_auth_token" {
  description = "From TF_VAR_redis_auth_token; create it with: openssl rand -hex 32."
  type        = string
  sensitive   = true
}

locals {
  # Written from settings.yaml by: proofing hosts --json >vendor_hosts.json (README, Vendors).
  vendor_hosts = jsondecode(file("${path.module}/vendor_hosts.json"))
  # And by: proofing hosts --endpoints --json >endpoint_hosts.json (README, Endpoints of relying parties).
  endpoint_hosts = jsondecode(file("${path.module}/endpoint_hosts.json"))
}

module "proofing" {
  source = "../.."

  environment        = "staging"
  region             = "us-east-1"
  availability_zones = ["us-east-1a", "us-east-1b"]
  public_url         = "https://proofing-staging.example.gov"
  certificate_arn    = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
  release            = "0.1.0"
  settings           = file("${path.module}/settings.yaml")
  vendor_hosts       = distinct(flatten(values(local.vendor_hosts)))
  vendors            = keys(local.vendor_hosts)
  endpoint_hosts     = distinct(flatten(values(local.endpoint_hosts)))
  runbook_url        = "https://docs.example.gov/proofing/runbook"
  redis_auth_token   = var.redis_auth_token

  asg_web_min        = 1
  asg_web_desired    = 1
  asg_web_max        = 2
  asg_worker_min     = 1
  asg_worker_desired = 1
  asg_worker_max     = 2
  instance_type      = "t3.small"

  database_instance_class = "db.t4g.small"
  database_storage_gb     = 20
  redis_node_type         = "cache.t4g.small"
}

output "proofing" {
  value = module.proofing
}
