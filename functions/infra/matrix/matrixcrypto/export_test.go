//go:build goolm || libolm

package matrixcrypto

import "maunium.net/go/mautrix/crypto"

// Machine returns mautrix's machine, which a test uses for what no honest
// client does.
func Machine(h *MatrixCryptoInitHandle) *crypto.OlmMachine { return h.machine.(*engine).mach }

// Unaware makes a handle forget that another has taken its keys over, as if it
// had not found out yet.
func Unaware(h *MatrixCryptoInitHandle) { h.machine.(*engine).exec.claim.gone.Store(false) }
