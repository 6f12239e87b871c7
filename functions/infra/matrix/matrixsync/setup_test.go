package matrixsync_test

import (
	"testing"

	"go.uber.org/goleak"

	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/tools/testenv/testkit/killtest"
)

func TestMain(m *testing.M) {
	killtest.Play(map[string]func(args []string) error{"consumer": consumeForever})
	goleak.VerifyTestMain(m)
}

// Helpers that the Matrix packages share.
var (
	newClient   = matrixtest.NewClient
	clientFor   = matrixtest.Client
	newDB       = matrixtest.DB
	newRoom     = matrixtest.Room
	until       = matrixtest.Until
	rewriting   = matrixtest.Rewriting
	rewriteJSON = matrixtest.RewriteJSON
	staleReads  = matrixtest.StaleReads
)

const messagesPath = matrixtest.MessagesPath
