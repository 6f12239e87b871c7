package matrix_test

import (
	"testing"

	"go.uber.org/goleak"

	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Helpers that the Matrix packages share.
var (
	newClient    = matrixtest.NewClient
	clientFor    = matrixtest.Client
	startOutbox  = matrixtest.StartOutbox
	newTokens    = matrixtest.NewTokens
	newRoom      = matrixtest.Room
	until        = matrixtest.Until
	wantError    = matrixtest.WantError
	wantNoSecret = matrixtest.WantNoSecret
	shown        = matrixtest.Shown
	serve        = matrixtest.Serve
	answer       = matrixtest.Answer
	outboxQuick  = matrixtest.OutboxQuick
	outboxSent   = matrixtest.OutboxSent
	outboxEvents = matrixtest.Events
	outboxEvent  = matrixtest.Event
	outboxBodies = matrixtest.Bodies
)

type lockedBuffer = matrixtest.Buffer
