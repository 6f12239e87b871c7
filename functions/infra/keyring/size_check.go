package keyring

import (
	"encoding/base64"
	"fmt"
	"strings"

	"fnregistry.dev/functions/core"
)

const (
	// A D-Bus array has at most 64 MiB (D-Bus specification, "Marshaling": 2 to
	// the 26th power bytes).
	secretServiceMost = 1 << 26
	// CRED_MAX_CREDENTIAL_BLOB_SIZE of wincred.h is 5*512.
	windowsMost = 2560
	// go-keyring hands the value to /usr/bin/security in a command of at most
	// 4,096 bytes. It notices a longer one only after it has started that
	// program, which it then leaves waiting.
	macOSMost = 4096
)

// sizeCheck refuses a value that the keyring of goos would not take.
func sizeCheck(goos, service, name, value string) error {
	size, most := len(value), secretServiceMost
	what := "the value has %d bytes, this keyring takes %d"
	switch goos {
	case "windows":
		most = windowsMost
	case "darwin":
		size, most = macOSCommand(service, name, value), macOSMost
		what = "service, name and value need %d bytes as the keychain's command, it takes %d"
	}
	if size <= most {
		return nil
	}
	return &core.Error{Code: core.CodeTooLarge, Message: fmt.Sprintf(what, size, most),
		Hint: "keep a value of this size in a file_token_store, or keep only its key in the keyring"}
}

// macOSCommand is at least as long as the command that go-keyring makes of a
// Set, in bytes: it quotes in the shell's way, with ' as '"'"', and the value
// is base64 with a prefix.
func macOSCommand(service, name, value string) int {
	quoted := func(s string) int { return 2 + len(s) + 4*strings.Count(s, "'") }
	const frame = "add-generic-password -U -s  -a  -w \n"
	return len(frame) + quoted(service) + quoted(name) + 2 + len("go-keyring-base64:") + base64.StdEncoding.EncodedLen(len(value))
}
