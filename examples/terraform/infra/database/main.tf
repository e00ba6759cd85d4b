variable "subnet" { type = string }

variable "password" {
  type      = string
  sensitive = true
}

resource "terraform_data" "server" {
  input = { subnet = var.subnet, password = var.password }
}

output "url" {
  value     = "postgres://app:${terraform_data.server.output.password}@${terraform_data.server.output.subnet}/app"
  sensitive = true
}
