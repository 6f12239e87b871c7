package keyring

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	gokeyring "github.com/zalando/go-keyring"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/writertest"
)

// Tests that need a process of their own run this binary again, with the name
// of the role in childEnv.
const childEnv = "KEYRING_TEST_CHILD"

var children = map[string]func(args []string){
	"write":          childWrite,
	"list":           childList,
	"go-keyring set": func(args []string) { childAnswer("", gokeyring.Set(args[0], args[1], args[2])) },
	"go-keyring get": func(args []string) { childAnswer(gokeyring.Get(args[0], args[1])) },
}

func child(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

func childAnswer(value string, err error) {
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Print(value)
}

// childList prints the code and the hint of a List in its environment.
func childList(args []string) {
	s, err := KeyringTokenStore(KeyringTokenStoreConfig{Service: args[0]})
	if err == nil {
		_, err = s.List(context.Background())
	}
	fmt.Println(core.ErrorCode(err), err)
}

// childWrite is a process that writes: its args are the service, and the prefix
// and number of the names.
func childWrite(args []string) {
	service, prefix := args[0], args[1]
	names, err := strconv.Atoi(args[2])
	if err != nil {
		panic(err)
	}
	s, err := KeyringTokenStore(KeyringTokenStoreConfig{Service: service})
	if err != nil {
		panic(err)
	}
	if err := writertest.Write(s, prefix, names); err != nil {
		panic(err)
	}
}

func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("child: %v", err)
	}
	return strings.TrimSpace(string(out))
}
