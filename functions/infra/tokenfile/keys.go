package tokenfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"

	"filippo.io/age"

	"fnregistry.dev/functions/core"
)

// keys open and seal the file.
type keys struct {
	identities []age.Identity
	recipients []age.Recipient
}

func (s *store) readKeys(ctx context.Context) (*keys, error) {
	if s.cfg.Passphrase == nil {
		return identityKeys(s.cfg.IdentityFile)
	}
	passphrase, err := s.cfg.Passphrase(ctx)
	if err != nil {
		return nil, &core.Error{Message: "ask for the passphrase", Err: err}
	}
	return passphraseKeys(passphrase, s.cfg.ScryptWorkFactor)
}

func passphraseKeys(passphrase string, workFactor int) (*keys, error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil { // there is only one reason
		return nil, &core.Error{Code: core.CodeInvalid, Message: "the passphrase is empty"}
	}
	identity.SetMaxWorkFactor(maxWorkFactor)
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(workFactor)
	return &keys{[]age.Identity{identity}, []age.Recipient{recipient}}, nil
}

// identityKeys reads an identity file. age's own errors are not wrapped: they
// may quote a part of a key.
func identityKeys(path string) (*keys, error) {
	const limit = 1 << 20
	text, err := readPrivate(path, limit)
	switch {
	case errors.Is(err, fs.ErrNotExist): // not CodeNotFound, which means an unknown name
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Message: "there is no identity file " + path,
			Hint:    "age-keygen -o creates one",
		}
	case err != nil:
		return nil, &core.Error{Message: "read the identity file", Err: err, Hint: hint(err)}
	}
	bad := &core.Error{Code: core.CodeInvalid, Message: "the identity file " + path + " holds something else than age identities",
		Hint: "age-keygen -o creates one; SSH keys, plugins and encrypted identities are not supported"}
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return nil, bad
	}
	k := &keys{identities: identities}
	for _, identity := range identities {
		switch identity := identity.(type) {
		case *age.X25519Identity:
			k.recipients = append(k.recipients, identity.Recipient())
		case *age.HybridIdentity:
			k.recipients = append(k.recipients, identity.Recipient())
		default:
			return nil, bad
		}
	}
	return k, nil
}

// encrypt returns plain as an age file.
func (k *keys) encrypt(plain []byte) ([]byte, error) {
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, k.recipients...)
	if err != nil {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "encrypt", Err: err,
			Hint: "post-quantum and classic identities cannot stand in one identity file"}
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}

var errWrongKey = errors.New("wrong key")

// decrypt decrypts an age file. Its errors quote nothing of the file, which may
// be a plain file with secrets if Path is wrong. A wrong passphrase or identity
// is errWrongKey.
func (k *keys) decrypt(sealed []byte) ([]byte, error) {
	plain, err := age.Decrypt(bytes.NewReader(sealed), k.identities...)
	if mismatch, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return nil, &core.Error{
			Code:    core.CodeUnauthenticated,
			Message: k.mismatch(mismatch.StanzaTypes),
			Err:     errWrongKey,
		}
	}
	if err != nil {
		return nil, errDamaged
	}
	text, err := io.ReadAll(io.LimitReader(plain, maxContent+1))
	if err != nil || len(text) > maxContent {
		return nil, errDamaged
	}
	return text, nil
}

// mismatch explains why none of the keys fits a file with these recipients.
func (k *keys) mismatch(stanzas []string) string {
	_, passphrase := k.identities[0].(*age.ScryptIdentity)
	switch encrypted := slices.Contains(stanzas, "scrypt"); {
	case passphrase && encrypted:
		return "the passphrase does not open it"
	case passphrase:
		return "it is encrypted to an identity, not with a passphrase"
	case encrypted:
		return "it is encrypted with a passphrase, not to an identity"
	}
	return "no identity of the identity file opens it"
}

var errDamaged = &core.Error{Code: core.CodeInternal, Message: "the file is damaged, or is not an age file",
	Hint: "it is left unchanged: restore a backup, or move it away to start over"}
