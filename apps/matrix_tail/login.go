package main

import (
	"context"
	"fmt"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/terminal"
)

const loginHelp = `The password is asked for, or read as a line of stdin where there is no terminal.

With the account's recovery key (or its passphrase) the device is verified, so
that others trust it, and messages from before the login can be read from the key
backup. It is asked for with --recover, or given by --recovery-key-file or
MATRIX_TAIL_RECOVERY_KEY, never as an argument, which other users can see. It can
be given later, by another login.`

// loginOptions are login's own.
type loginOptions struct {
	settings
	Recover bool `yaml:"-" flag:"recover" doc:"ask for the recovery key, to verify this device and read old messages"`
}

// loginResult is printed as JSON.
type loginResult struct {
	UserID      string `json:"user_id"`
	DeviceID    string `json:"device_id"`
	Fingerprint string `json:"fingerprint"`
	Identity    bool   `json:"identity"` // the account has one, by which devices are verified
	Verified    bool   `json:"verified"`
	Backup      string `json:"backup,omitempty"` // version of the key backup in use
}

func login(ctx context.Context, c call, o *loginOptions) error {
	recovery := c.Settings.Recovery.Reveal()
	if recovery == "" && o.Recover {
		key, err := terminal.SecretAsk(ctx, terminal.SecretAskConfig{Prompt: "recovery key of " + c.Settings.User})
		if err != nil {
			return err
		}
		recovery = string(key)
	}
	s, err := openWith(ctx, c, true, recovery)
	if err != nil {
		return err
	}
	defer s.close()
	text := fmt.Sprintln(s.client.UserID, "is logged in on device", s.client.DeviceID) + trustOf(s.crypto)
	if err := show(c, text, loginResult{
		UserID: string(s.client.UserID), DeviceID: string(s.client.DeviceID), Fingerprint: s.crypto.Fingerprint,
		Identity: s.crypto.HasIdentity, Verified: s.crypto.DeviceVerified, Backup: s.crypto.BackupVersion,
	}); err != nil {
		return err
	}
	if recovery != "" && !s.crypto.DeviceVerified {
		return &core.Error{
			Code:    core.CodeNotFound,
			Message: "the recovery key opened nothing: the account has no identity or no secret storage",
			Hint:    "set up recovery in another client first",
		}
	}
	return nil
}

// trustOf says how far others trust the device, and what it can read.
func trustOf(crypto *matrixcrypto.MatrixCryptoInitHandle) string {
	switch {
	case crypto.DeviceVerified && crypto.BackupVersion != "":
		return "the device is verified, and reads old messages from the key backup"
	case crypto.DeviceVerified:
		return "the device is verified; there is no key backup"
	case crypto.HasIdentity:
		return "the device is not verified, and messages from before now can't be read: " +
			"matrix_tail login --recover changes that"
	}
	return "the account has no identity yet by which devices are verified"
}
