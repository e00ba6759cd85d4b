variable "region" { type = string }

output "prefix" { value = "net-${var.region}" }
