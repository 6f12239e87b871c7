package stream

// Held is how many bytes a buffer has allocated.
func Held(h *TailBufferHandle) int { return cap(h.data) }
