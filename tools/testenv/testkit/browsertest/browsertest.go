// Package browsertest shows pages to a real Chromium.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	pageTimeout = 90 * time.Second // for all that a test does with its page
	patience    = 15 * time.Second // for a condition
)

// Open starts Chromium and returns a context with a page of its own, 1180 by 900
// pixels. Browser and page end with the test, and the page's context after 90 s. A
// JavaScript error on the page fails the test.
//
// Where there is no chromium the test fails, or is skipped if SKIP_SERVERS is 1.
func Open(t testing.TB) context.Context {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("SKIP_SERVERS") == "1" {
			t.Skip("skipped, because SKIP_SERVERS=1: it needs a real chromium")
		}
		t.Fatal("chromium is not installed: make test installs it as root on Debian")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.ExecPath("chromium"))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stopPage := chromedp.NewContext(allocator)
	t.Cleanup(stopPage)
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	t.Cleanup(cancel)
	Do(t, ctx, chromedp.EmulateViewport(1180, 900))
	thrown := chromedp.Events(ctx, runtime.ExceptionThrown)
	go func() {
		for e, err := range thrown {
			if err != nil {
				return
			}
			t.Errorf("JavaScript: %s", e.ExceptionDetails.Text)
		}
	}()
	return ctx
}

// Do carries out steps one after the other, and ends the test at the first that
// fails.
func Do(t testing.TB, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// Until waits for a JavaScript condition, on whatever page the browser comes to,
// and ends the test if it does not hold within 15 s.
func Until(t testing.TB, ctx context.Context, condition string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		// An error is a page that is just being left.
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+condition+")")); err == nil && ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		case <-time.After(15 * time.Millisecond):
		}
	}
	const page = "location.href + '\\n' + document.body.innerText.slice(0, 600)"
	at, _ := chromedp.Run(ctx, chromedp.Evaluate[string](page)) // best effort: it is for the message
	t.Fatalf("never came: %s\nthe page is %s", condition, at)
}

// Text returns the value of a JavaScript expression that is a string.
func Text(t testing.TB, ctx context.Context, expression string) string {
	t.Helper()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return s
}

// Prefer is the step that makes the page see a system of a colour scheme, "light"
// or "dark".
func Prefer(scheme string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return chromedp.Void{}, err
	}
}
