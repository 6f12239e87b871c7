// Package keyring keeps secrets in the keyring of the operating system: the
// Secret Service on Linux and the BSDs (GNOME Keyring, KWallet, KeePassXC), the
// Keychain on macOS, the Credential Manager on Windows.
//
// The items are those of github.com/zalando/go-keyring: what one writes, the
// other reads. On macOS and Windows that library does the work. To the Secret
// Service this package speaks by itself, over the same D-Bus library, because
// go-keyring has no context there (a locked keyring that nobody unlocks blocks
// it for ever) and cannot list; see docs/decisions/0012-token-stores.md.
package keyring
