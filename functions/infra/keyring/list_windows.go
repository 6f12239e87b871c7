package keyring

import (
	"context"
	"strings"

	"github.com/danieljoos/wincred"
)

// listNames finds the credentials that go-keyring calls "SERVICE:NAME". A
// service has no colon, so the split is unambiguous.
func listNames(_ context.Context, service string) ([]string, error) {
	credentials, err := wincred.List()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, credential := range credentials {
		if name, ok := strings.CutPrefix(credential.TargetName, service+":"); ok {
			names = append(names, name)
		}
	}
	return names, nil
}
