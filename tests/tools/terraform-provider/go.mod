module devenv.invalid/tests/terraform-provider

go 1.24.0

require (
	github.com/hashicorp/terraform-plugin-framework v1.15.0
	gopkg.in/yaml.v3 v3.0.1
)
