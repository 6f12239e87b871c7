package tokenfile

const (
	openNow    = 0
	openNoLink = 0
)
