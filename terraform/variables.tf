variable "environment" {
  description = "PROOFING_ENV, such as production or staging; part of every name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.environment))
    error_message = "environment is not a lower-case word of 2 to 16 letters and digits. Use the name of a block of settings.yaml, such as production."
  }
}

variable "region" {
  description = "AWS region, the same as the provider's."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is not the name of an AWS region. Write it like us-gov-west-1."
  }
}

variable "availability_zones" {
  description = "Two or three zones of the region."
  type        = list(string)

  validation {
    condition     = contains([2, 3], length(var.availability_zones)) && length(distinct(var.availability_zones)) == length(var.availability_zones)
    error_message = "availability_zones does not name two or three different zones. The standby of the database needs a second one."
  }
}

variable "vpc_cidr" {
  description = "Network of the VPC, a /16."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && endswith(var.vpc_cidr, "/16")
    error_message = "vpc_cidr is not an IPv4 network of size /16. Write it like 10.40.0.0/16."
  }
}

variable "public_url" {
  description = "Origin that browsers use, as in the setting public_url."
  type        = string

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+$", var.public_url))
    error_message = "public_url is not an https origin without path. Write it like https://proofing.example.gov."
  }
}

variable "certificate_arn" {
  description = "ARN of the ACM certificate for the host of public_url."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:acm:", var.certificate_arn))
    error_message = "certificate_arn is not the ARN of an ACM certificate. Request one in the same region first."
  }
}

variable "release" {
  description = "Name of the release; the artifact bucket holds releases/<release>.tar.gz (README, Release)."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9.-]{0,30}$", var.release))
    error_message = "release is not 1 to 31 letters, digits, dots or dashes. Write it like 0.1.0."
  }
}

variable "settings" {
  description = "Content of settings.yaml, without secrets. What this module creates is added to it by variables."
  type        = string

  validation {
    condition     = can(yamldecode(var.settings)[var.environment])
    error_message = "settings is not YAML with a block for the environment. Use file(\"settings.yaml\")."
  }
}

variable "vendor_hosts" {
  description = "Hosts that the forward proxy lets through on port 443: those of the vendors in the settings."
  type        = list(string)

  validation {
    condition     = alltrue([for host in var.vendor_hosts : can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", host))])
    error_message = "vendor_hosts holds something that is not the full name of a host. Leave out scheme, port and wildcards: api.vendor.example."
  }
}

variable "endpoint_hosts" {
  description = "Hosts of the relying parties' endpoints, to which events go through the forward proxy: on port 443, with :8443 on that port alone; empty: none."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for host in var.endpoint_hosts : can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+(:8443)?$", host))])
    error_message = "endpoint_hosts holds something that is not the full name of a host, with :8443 or without a port. Leave out scheme and wildcards: hooks.agency.example."
  }
}

variable "messaging_identity_arns" {
  description = "ARNs of the numbers, pools and senders of AWS End User Messaging that send confirmation codes, and of its configuration set if one is set; empty without the messenger aws_identity:messaging."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.messaging_identity_arns : can(regex("^arn:[a-z-]+:sms-voice:", arn))])
    error_message = "messaging_identity_arns holds something that is not an ARN of End User Messaging. Write arn:aws:sms-voice:us-east-1:123456789012:pool/pool-0123."
  }
}

variable "vendors" {
  description = "Names of the vendors as in the log lines outbound_call (field service), for an alarm each."
  type        = set(string)
  default     = []
}

variable "vendor_error_percent" {
  description = "Percentage of failed calls to one vendor, over 5 minutes, above which the alarm fires; null: that of deploy/monitoring/alarms.yaml."
  type        = number
  default     = null

  validation {
    condition     = try(var.vendor_error_percent > 0 && var.vendor_error_percent < 100, var.vendor_error_percent == null)
    error_message = "vendor_error_percent is not between 0 and 100. Write 10 for 10 percent."
  }
}

variable "vendor_error_percents" {
  description = "Percentages of single vendors, by name, in place of vendor_error_percent."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for percent in values(var.vendor_error_percents) : percent > 0 && percent < 100])
    error_message = "vendor_error_percents holds a number that is not between 0 and 100. Write {\"acme:resolution\" = 25}."
  }
}

variable "idp_worker_alarms_enabled" {
  description = "1: alarms exist; 0: they do not, for a deployment whose workers are off."
  type        = number
  default     = 1

  validation {
    condition     = contains([0, 1], var.idp_worker_alarms_enabled)
    error_message = "idp_worker_alarms_enabled is not 0 or 1. Write 1 to have the alarms."
  }
}

variable "alarm_topic_subscribers" {
  description = "Email addresses of those who are alarmed."
  type        = set(string)
  default     = []
}

variable "runbook_url" {
  description = "Where the folder docs/runbook is published; alarms link to its pages."
  type        = string

  validation {
    condition     = startswith(var.runbook_url, "https://") && !endswith(var.runbook_url, "/")
    error_message = "runbook_url is not an https URL without a slash at its end. Use the address at which operators read docs/runbook."
  }
}

variable "asg_web_min" {
  description = "Least number of web instances. Raising it starts more at once."
  type        = number
  default     = 2

  validation {
    condition     = var.asg_web_min >= 1 || var.asg_web_max == 0
    error_message = "asg_web_min is 0, and asg_web_max is not: a group that was off would stay empty. Write 1 or more; all three 0 turn web off."
  }
}

variable "asg_web_desired" {
  description = "Number of web instances when the group is created. After that only min and max count; between them the load decides."
  type        = number
  default     = 2

  validation {
    condition     = var.asg_web_min <= var.asg_web_desired && var.asg_web_desired <= var.asg_web_max
    error_message = "asg_web_desired is not between asg_web_min and asg_web_max. Set all three; all 0 turns web off."
  }
}

variable "asg_web_max" {
  description = "Largest number of web instances."
  type        = number
  default     = 8
}

variable "asg_worker_min" {
  description = "Least number of worker instances. Raising it starts more at once."
  type        = number
  default     = 2

  validation {
    condition     = var.asg_worker_min >= 1 || var.asg_worker_max == 0
    error_message = "asg_worker_min is 0, and asg_worker_max is not: a group that was off would stay empty. Write 1 or more; all three 0 turn workers off."
  }
}

variable "asg_worker_desired" {
  description = "Number of worker instances when the group is created. After that only min and max count; between them the load decides."
  type        = number
  default     = 2

  validation {
    condition     = var.asg_worker_min <= var.asg_worker_desired && var.asg_worker_desired <= var.asg_worker_max
    error_message = "asg_worker_desired is not between asg_worker_min and asg_worker_max. Set all three; all 0 turns workers off."
  }
}

variable "asg_worker_max" {
  description = "Largest number of worker instances."
  type        = number
  default     = 8
}

variable "instance_type" {
  description = "Type of the web, worker and migrate instances (x86-64)."
  type        = string
  default     = "c7i.large"
}

variable "database_instance_class" {
  description = "Class of the database instances."
  type        = string
  default     = "db.m7g.large"
}

variable "database_storage_gb" {
  description = "Size of the database's disk at first; it grows to ten times that."
  type        = number
  default     = 100

  validation {
    condition     = var.database_storage_gb >= 20
    error_message = "database_storage_gb is below 20, the least that RDS takes. Write 100."
  }
}

variable "redis_node_type" {
  description = "Type of the two Redis nodes."
  type        = string
  default     = "cache.m7g.large"
}

variable "redis_auth_token" {
  description = "Password of Redis; the same as redis.password in the secret objects. It is kept in the state."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9]{32,128}$", var.redis_auth_token))
    error_message = "redis_auth_token is not 32 to 128 letters and digits. Create one with: openssl rand -hex 32."
  }
}

variable "tracing" {
  description = "Where web and worker send OpenTelemetry traces; null: none. endpoint: URL of a collector (OTLP over HTTP) inside the VPC or a network connected to it; cidr: the network of the collector, to which its port is opened; variables: more OTEL_… variables (docs/howto/trace.md), none of them secret."
  type = object({
    endpoint  = string
    cidr      = string
    variables = optional(map(string), {})
  })
  default = null

  validation {
    condition     = try(regex("^https?://[a-z0-9.-]+(:[0-9]+)?$", var.tracing.endpoint) != "", var.tracing == null)
    error_message = "tracing.endpoint is not an http or https URL without path. Write it like http://collector.internal.example.gov:4318."
  }

  validation {
    condition     = try(cidrnetmask(var.tracing.cidr) != "" && tonumber(split("/", var.tracing.cidr)[1]) >= 16, var.tracing == null)
    error_message = "tracing.cidr is not an IPv4 network of size /16 or smaller. Write it like 10.60.0.0/28."
  }

  validation {
    condition     = try(alltrue([for name, value in var.tracing.variables : can(regex("^OTEL_[A-Z_]+$", name)) && !endswith(name, "_HEADERS") && can(regex("^[^'\n]*$", value))]), var.tracing == null)
    error_message = "tracing.variables holds something else than OTEL_… variables without quotes, or headers, which may be secret: a collector that wants a token needs one in between that adds it."
  }
}

variable "operator_principal_arns" {
  description = "ARNs of IAM roles or users that may assume the role of operators, by which keys of relying parties and signing keys are made; empty: there is no such role."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.operator_principal_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]+$", arn))])
    error_message = "operator_principal_arns holds something else than ARNs of IAM roles or users. Write them like arn:aws:iam::123456789012:role/proofing-operators."
  }
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps log lines."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 60, 90, 180, 365, 731, 1096, 1827, 2557], var.log_retention_days)
    error_message = "log_retention_days is not a number that CloudWatch takes. Write 365."
  }
}

variable "protect" {
  description = "Refuse to delete the database, the load balancer and buckets with objects; false only for trials."
  type        = bool
  default     = true
}
