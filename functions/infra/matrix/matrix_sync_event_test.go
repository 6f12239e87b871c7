package matrix_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

func TestMatrixSyncEvent_AckWithoutService(t *testing.T) {
	t.Parallel()
	evt := matrix.MatrixSyncEvent{}
	if err := errors.Join(evt.Ack(t.Context()), evt.AckTx(t.Context(), nil)); err != nil {
		t.Error(err)
	}
}

// A program may pass events on as JSON.
func TestMatrixSyncEvent_JSON(t *testing.T) {
	t.Parallel()
	e := matrix.MatrixEventParse("!r:x", json.RawMessage(benchEvent))
	e.Gap = &matrix.MatrixSyncGap{From: "a", To: "b"}
	e.Trust, e.Join, e.Start = matrix.MatrixTrustCrossSigned, matrix.MatrixMomentAfter, matrix.MatrixMomentBefore
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var again matrix.MatrixSyncEvent
	if err := json.Unmarshal(text, &again); err != nil || again.EventID != e.EventID || !again.Timestamp.Equal(e.Timestamp) || *again.Gap != *e.Gap || !strings.Contains(string(again.Raw), "hello") || again.Trust != e.Trust || again.Join != e.Join || again.Start != e.Start {
		t.Errorf("%v, %s", err, text)
	}
}

// Levels of trust can be compared, and read back what they write.
func TestMatrixSyncEvent_Trust(t *testing.T) {
	t.Parallel()
	last := matrix.MatrixTrust(-1)
	for _, level := range []matrix.MatrixTrust{
		matrix.MatrixTrustNone, matrix.MatrixTrustUnknownDevice, matrix.MatrixTrustUnverified, matrix.MatrixTrustCrossSigned, matrix.MatrixTrustVerified,
	} {
		var again matrix.MatrixTrust
		if err := again.UnmarshalText([]byte(level.String())); err != nil || again != level || level <= last {
			t.Errorf("%d %s: read back as %d: %v", level, level, again, err)
		}
		last = level
	}
	var level matrix.MatrixTrust
	if err := level.UnmarshalText([]byte("blind")); core.ErrorCode(err) != core.CodeInvalid {
		t.Error(err)
	}
	for state, want := range map[id.TrustState]matrix.MatrixTrust{
		id.TrustStateBlacklisted: matrix.MatrixTrustUnknownDevice, id.TrustStateBackup: matrix.MatrixTrustUnknownDevice,
		id.TrustStateForwarded: matrix.MatrixTrustUnknownDevice, id.TrustStateCrossSignedUntrusted: matrix.MatrixTrustUnverified,
		id.TrustStateUnset: matrix.MatrixTrustUnverified, id.TrustStateCrossSignedTOFU: matrix.MatrixTrustCrossSigned,
		id.TrustStateCrossSignedVerified: matrix.MatrixTrustVerified, id.TrustStateVerified: matrix.MatrixTrustVerified,
	} {
		evt := &event.Event{Mautrix: event.MautrixInfo{WasEncrypted: true, TrustState: state}}
		if got := matrix.MatrixEventNormalize(evt).Trust; got != want {
			t.Errorf("%s is %s, want %s", state, got, want)
		}
		evt.Mautrix.WasEncrypted = false
		if got := matrix.MatrixEventNormalize(evt).Trust; got != matrix.MatrixTrustNone {
			t.Errorf("plain text is %s", got)
		}
	}
}

// Sides of a moment read back what they write.
func TestMatrixSyncEvent_Moment(t *testing.T) {
	t.Parallel()
	for name, side := range map[string]matrix.MatrixMoment{
		"unknown": matrix.MatrixMomentUnknown, "before": matrix.MatrixMomentBefore, "after": matrix.MatrixMomentAfter,
	} {
		again := matrix.MatrixMoment(-1)
		if err := again.UnmarshalText([]byte(name)); err != nil || again != side || side.String() != name {
			t.Errorf("%s: read back as %v: %v", name, again, err)
		}
	}
	var side matrix.MatrixMoment
	if err := side.UnmarshalText([]byte("during")); core.ErrorCode(err) != core.CodeInvalid {
		t.Error(err)
	}
}
