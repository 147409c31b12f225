terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  root_arn  = "arn:${local.partition}:iam::${local.account}:root"
  name      = "proofing-${var.environment}"
  zones     = { for index, zone in var.availability_zones : zone => index }
}
