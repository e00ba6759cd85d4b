variable "region" { type = string }

variable "zones" {
  type    = list(string)
  default = ["a"]
}

module "naming" {
  source = "../naming"
  region = var.region
}

resource "terraform_data" "subnet" {
  for_each = toset(var.zones)
  input    = "${module.naming.prefix}-${each.key}"
}

output "subnets" {
  value = [for zone in var.zones : terraform_data.subnet[zone].output]
}
