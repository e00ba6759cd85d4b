module devenv.invalid/tests/ferretdb

go 1.24.0

tool github.com/FerretDB/FerretDB/cmd/ferretdb

require github.com/FerretDB/FerretDB v1.24.0
