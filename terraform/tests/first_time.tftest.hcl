# The first apply of all (README, First time), before the first secret is uploaded; tests/terraform looks at what it created.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment           = "production"
  region                = "us-east-1"
  availability_zones    = ["us-east-1a", "us-east-1b"]
  public_url            = "https://proofing.example.gov"
  certificate_arn       = "arn:aws:acm:us-east-1:123456789012:certificate/x"
  release               = "0.1.0"
  settings              = "production: {public_url: 'https://proofing.example.gov'}"
  runbook_url           = "https://docs.example.gov/proofing/runbook"
  vendor_hosts          = ["api.acme.example", "phones.example"]
  vendors               = ["acme:resolution", "acme:phone"]
  vendor_error_percents = { "acme:phone" = 25 }
  redis_auth_token      = "00000000000000000000000000000000"
}

run "first_time" {
  plan_options {
    target = [aws_s3_bucket_policy.main, aws_db_instance.main, aws_elasticache_replication_group.main]
  }
  assert {
    condition     = length(aws_db_instance.main.master_user_secret) == 1 && length(aws_elasticache_replication_group.main.id) > 0
    error_message = "A data store is missing."
  }
}
