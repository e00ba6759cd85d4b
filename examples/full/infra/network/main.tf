variable "region" {
  type = string
}

locals {
  blocks = { eu = 16, us = 17 }
}

# Where there is a cloud, this is its network.
resource "terraform_data" "network" {
  input = "10.${lookup(local.blocks, var.region, 18)}.0.0/16"
}

output "cidr" {
  value = terraform_data.network.output
}
