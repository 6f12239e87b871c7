package matrixmedia_test

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
	newDB     = matrixtest.DB
	newRoom   = matrixtest.Room
)
