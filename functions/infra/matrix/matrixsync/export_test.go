package matrixsync

import "time"

// NewSyncMemory returns a service's own storage, for the conformance test, with
// limits.
func NewSyncMemory(ttl time.Duration, count int) MatrixSyncStorage {
	m := newSyncMemory()
	m.ttl, m.count = ttl, count
	return m
}

// ParseSyncResponse parses a response and iterates over its rooms.
func ParseSyncResponse(body []byte) (token string, err error) {
	response, err := parseSyncResponse(body)
	if err != nil {
		return "", err
	}
	return response.NextBatch, nil
}
