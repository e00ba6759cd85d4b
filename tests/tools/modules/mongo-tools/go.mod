module devenv.invalid/tests/mongo-tools

go 1.24.0

tool (
	github.com/mongodb/mongo-tools/mongodump/main
	github.com/mongodb/mongo-tools/mongorestore/main
)

require github.com/mongodb/mongo-tools v0.0.0-20240723193119-837c2bc263f4
