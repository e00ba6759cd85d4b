module devenv.invalid/tests/k3d

go 1.24.0

tool github.com/k3d-io/k3d/v5

require github.com/k3d-io/k3d/v5 v5.8.3
