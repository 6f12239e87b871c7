package source

import "strings"

// Impure reports whether a call of a standard library name is I/O, reads a
// clock, randomness or the environment, or starts something in the background.
// known is false for a package that is not the standard library's.
func Impure(pkg, name string) (impure, known bool) {
	if !IsStandard(pkg) {
		return false, false
	}
	for prefix := pkg; ; {
		if except, ok := pureExcept[prefix]; ok && except != allImpure {
			return hasWord(except, name), true
		} else if ok {
			break
		}
		i := strings.LastIndexByte(prefix, '/')
		if i < 0 {
			break
		}
		prefix = prefix[:i]
	}
	if pkg == "net/http" && (strings.HasPrefix(name, "Status") || strings.HasPrefix(name, "Method")) {
		return false, true
	}
	return !harmless[pkg+"."+name], true
}

// ImpureType reports whether a parameter of this type, as written, lets its
// function do I/O although it names nothing impure itself. Values that
// functions take are judged by their usual names.
func ImpureType(text string) bool {
	return impureTypes[strings.TrimLeft(text, "*.[]")]
}

var impureTypes = names("io.Reader io.Writer io.ReadWriter io.ReadCloser io.WriteCloser io.ReadWriteCloser io.ReaderAt io.WriterAt io.Seeker " +
	"io.ReadSeeker io.ByteReader io.RuneReader io.StringWriter bufio.Reader bufio.Writer bufio.Scanner os.File fs.FS fs.File embed.FS " +
	"net.Conn net.Listener http.Client http.ResponseWriter http.RoundTripper sql.DB sql.Tx sql.Conn slog.Logger log.Logger rand.Rand rand.Source")

// IsStandard reports whether an import path is the standard library's: its
// first element has no dot, as the go command itself decides. "C" counts, too.
func IsStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// pureExcept lists the packages (with those below them) whose functions are
// pure, and their exceptions. A package that is not listed, or listed as
// impure, is impure (os, net, syscall, math/rand, ...) except for the names in
// harmless. Functions that read from or write to an argument (fmt.Fprintf,
// io.Copy) count as pure: with a strings.Builder they are, and a function with
// a real writer has a parameter that ImpureType recognises.
var pureExcept = map[string]string{
	"bufio":               "",
	"bytes":               "",
	"cmp":                 "",
	"compress":            "",
	"container":           "",
	"context":             "WithTimeout WithDeadline WithTimeoutCause WithDeadlineCause AfterFunc",
	"crypto":              "GenerateKey SignPKCS1v15 SignPSS EncryptOAEP EncryptPKCS1v15 GenerateMultiPrimeKey",
	"crypto/cipher":       "NewGCMWithRandomNonce",
	"crypto/dsa":          "GenerateKey GenerateParameters Sign",
	"crypto/ecdsa":        "GenerateKey Sign SignASN1",
	"crypto/mlkem":        "GenerateKey768 GenerateKey1024",
	"crypto/rand":         allImpure,
	"crypto/tls":          allImpure,
	"embed":               "",
	"encoding":            "",
	"errors":              "",
	"fmt":                 "Print Printf Println Scan Scanf Scanln",
	"archive":             "OpenReader",
	"go/ast":              "Print Fprint",
	"go/build/constraint": "",
	"go/constant":         "",
	"go/format":           "",
	"go/printer":          "",
	"go/scanner":          "PrintError",
	"go/token":            "",
	"go/version":          "",
	"hash":                "",
	"hash/maphash":        allImpure, // seeded at random
	"html":                "ParseFiles ParseGlob ParseFS",
	"image":               "RegisterFormat",
	"index/suffixarray":   "",
	"io":                  "Pipe",
	"iter":                "",
	"maps":                "",
	"math":                "",
	"math/rand":           allImpure,
	"mime":                "AddExtensionType TypeByExtension ExtensionsByType",
	"mime/multipart":      "NewWriter", // its boundary is random
	"net/mail":            "",
	"net/netip":           "",
	"net/textproto":       "Dial",
	"net/url":             "",
	"path":                "",
	"path/filepath":       "Abs EvalSymlinks Glob Walk WalkDir",
	"reflect":             "",
	"regexp":              "",
	"slices":              "",
	"sort":                "",
	"strconv":             "",
	"strings":             "",
	"sync":                "", // a lock by itself changes nothing visible to a caller; package state is detected as such
	"text":                "ParseFiles ParseGlob ParseFS",
	"time":                "Now Sleep After AfterFunc Tick NewTimer NewTicker Since Until LoadLocation Local",
	"unicode":             "",
	"unique":              "",
	"unsafe":              "",
	"weak":                allImpure, // the collector decides
}

// allImpure stands for all names of a package.
const allImpure = "*"

func hasWord(list, word string) bool {
	for one := range strings.FieldsSeq(list) {
		if one == word {
			return true
		}
	}
	return false
}

// harmless are types, constants and pure functions in packages that are
// otherwise impure.
var harmless = names("io/fs.ErrNotExist io/fs.ErrExist io/fs.ErrPermission io/fs.ErrInvalid io/fs.ErrClosed io/fs.FileMode io/fs.ModePerm " +
	"io/fs.ValidPath io/fs.FS io/fs.PathError os.ErrNotExist os.ErrExist os.ErrPermission os.ErrDeadlineExceeded os.FileMode os.PathSeparator " +
	"os.IsNotExist os.IsExist os.IsPermission os.PathError os.Signal os.Expand go/parser.ParseExpr syscall.Errno syscall.Signal " +
	"net.ParseIP net.IP net.IPNet net.ParseCIDR net.JoinHostPort net.SplitHostPort net.IPv4 net.IPv4Mask net.IPMask net.CIDRMask net.ParseMAC net.HardwareAddr net.Error net.ErrClosed net.Addr net.OpError net.DNSError " +
	"net/http.Header net/http.Request net/http.Response net/http.Handler net/http.HandlerFunc net/http.ResponseWriter net/http.Cookie " +
	"net/http.CanonicalHeaderKey net/http.StatusText net/http.ParseTime net/http.TimeFormat net/http.ParseHTTPVersion net/http.DetectContentType net/http.ParseCookie net/http.ParseSetCookie net/http.NoBody " +
	"math/rand.Rand math/rand.Source math/rand/v2.Rand math/rand/v2.Source math/rand/v2.New math/rand/v2.NewPCG math/rand/v2.NewChaCha8 math/rand.New math/rand.NewSource " +
	"log/slog.Logger log/slog.Attr log/slog.Level log/slog.Value log/slog.String log/slog.Int log/slog.Any " +
	"database/sql.ErrNoRows database/sql.NullString database/sql.DB database/sql.Tx runtime/debug.BuildInfo")

func names(list string) map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(list) {
		m[name] = true
	}
	return m
}
