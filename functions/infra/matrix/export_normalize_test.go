package matrix

// NormalizeRaw is what the sync calls for the server's bytes.
var NormalizeRaw = normalizeRaw
