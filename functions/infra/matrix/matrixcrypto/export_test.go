//go:build goolm || libolm

package matrixcrypto

import "maunium.net/go/mautrix/crypto"

// Machine returns mautrix's machine, with which a test does what no client of
// good will does.
func Machine(h *MatrixCryptoInitHandle) *crypto.OlmMachine { return h.machine.(*engine).mach }
