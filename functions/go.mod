module fnregistry.dev/functions

go 1.26

require (
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/robfig/cron/v3 v3.0.1
)
