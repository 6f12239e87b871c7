package keyring

import (
	"encoding/base64"
	"fmt"
	"strings"

	"fnregistry.dev/functions/core"
)

const (
	// A D-Bus array has at most 64 MiB (D-Bus specification, "Marshaling").
	secretServiceMost = 1 << 26
	// CRED_MAX_CREDENTIAL_BLOB_SIZE of wincred.h is 5*512.
	windowsMost = 2560
	// go-keyring passes the value to /usr/bin/security in a command of at most
	// 4,096 bytes. It notices a longer one only after starting that program,
	// which it then leaves waiting.
	macOSMost = 4096
)

// sizeCheck refuses a value that the keyring of goos would not accept.
func sizeCheck(goos, service, name, value string) error {
	size, most := len(value), secretServiceMost
	what := "the value has %d bytes, this keyring accepts %d"
	switch goos {
	case "windows":
		most = windowsMost
	case "darwin":
		size, most = macOSCommand(service, name, value), macOSMost
		what = "service, name and value need %d bytes in the keychain's command, which accepts %d"
	}
	if size <= most {
		return nil
	}
	return &core.Error{Code: core.CodeTooLarge, Message: fmt.Sprintf(what, size, most),
		Hint: "keep a value of this size in a file_token_store, or keep only its key in the keyring"}
}

// macOSCommand returns an upper bound, in bytes, of the command that go-keyring
// builds for a Set: it quotes for the shell, with ' as '"'"', and encodes the
// value in base64 with a prefix.
func macOSCommand(service, name, value string) int {
	quoted := func(s string) int { return 2 + len(s) + 4*strings.Count(s, "'") }
	const frame = "add-generic-password -U -s  -a  -w \n"
	return len(frame) + quoted(service) + quoted(name) + 2 + len("go-keyring-base64:") + base64.StdEncoding.EncodedLen(len(value))
}
