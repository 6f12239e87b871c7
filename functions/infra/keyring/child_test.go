package keyring

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	gokeyring "github.com/zalando/go-keyring"

	"fnregistry.dev/functions/core"
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

// childWrite writes names "PREFIX 0", "PREFIX 1", ... and prints each once it
// is acknowledged; it deletes every third one again, and prints that. It ends
// after the given number of names, or never if that is 0, in a child that will
// be killed.
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // so that it ends even if the test dies
	defer cancel()
	for i := 0; names == 0 || i < names; i++ {
		name := fmt.Sprint(prefix, " ", i)
		if err := s.Set(ctx, name, "value of "+name); err != nil {
			panic(err)
		}
		fmt.Println("set", name)
		if i%3 == 2 {
			if err := s.Delete(ctx, name); err != nil {
				panic(err)
			}
			fmt.Println("deleted", name)
		}
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
