package matrixoutbox_test

import (
	"testing"

	"go.uber.org/goleak"

	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/tools/testenv/testkit/killtest"
)

func TestMain(m *testing.M) {
	killtest.Play(map[string]func(args []string) error{"crash": crashChild})
	goleak.VerifyTestMain(m)
}

// Helpers that the Matrix packages share.
var (
	newClient    = matrixtest.NewClient
	clientFor    = matrixtest.Client
	newDB        = matrixtest.DB
	startOutbox  = matrixtest.StartOutbox
	newRoom      = matrixtest.Room
	until        = matrixtest.Until
	rewriting    = matrixtest.Rewriting
	stop         = matrixtest.Stop
	outboxQuick  = matrixtest.OutboxQuick
	outboxSent   = matrixtest.OutboxSent
	outboxEvents = matrixtest.Events
	outboxEvent  = matrixtest.Event
	outboxBodies = matrixtest.Bodies
	staleReads   = matrixtest.StaleReads
)

const messagesPath = matrixtest.MessagesPath
