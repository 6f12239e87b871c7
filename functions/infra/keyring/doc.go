// Package keyring keeps secrets in the keyring of the operating system: the
// Secret Service on Linux and the BSDs (GNOME Keyring, KWallet, KeePassXC), the
// Keychain on macOS, the Credential Manager on Windows.
// The items are those of github.com/zalando/go-keyring: each reads what the
// other wrote. On macOS and Windows that library does the work. For the Secret
// Service this package has its own client, over the same D-Bus library, because
// go-keyring takes no context there (a locked keyring that nobody unlocks
// blocks it forever) and cannot list; see docs/decisions/0012-token-stores.md.
package keyring
