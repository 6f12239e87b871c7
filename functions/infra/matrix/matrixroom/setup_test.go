package matrixroom_test

import (
	"testing"

	"go.uber.org/goleak"

	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Helpers that the Matrix packages share.
var (
	newClient = matrixtest.NewClient
	clientFor = matrixtest.Client
	newRoom   = matrixtest.Room
	until     = matrixtest.Until
	wantError = matrixtest.WantError
	serve     = matrixtest.Serve
	answer    = matrixtest.Answer
)

type lockedBuffer = matrixtest.Buffer
