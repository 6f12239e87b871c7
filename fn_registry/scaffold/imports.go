package scaffold

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/source"
)

// standard lists the packages of the standard library whose types stand in
// signatures (Go 1.26's "go list std" without those for tests and tools). Where
// two have one name, the one that stands first is meant.
const standard = `archive/tar archive/zip bufio bytes cmp compress/bzip2 compress/flate compress/gzip compress/lzw compress/zlib
container/heap container/list container/ring context crypto crypto/aes crypto/cipher crypto/ecdh crypto/ecdsa crypto/ed25519 crypto/hmac
crypto/md5 crypto/rsa crypto/sha1 crypto/sha256 crypto/sha512 crypto/tls crypto/x509 crypto/x509/pkix database/sql database/sql/driver
debug/buildinfo embed encoding encoding/base32 encoding/base64 encoding/binary encoding/csv encoding/gob encoding/hex encoding/json
encoding/pem encoding/xml errors expvar flag fmt go/ast go/build go/build/constraint go/doc go/format go/parser go/printer go/token
go/types hash hash/fnv hash/maphash html image image/color image/draw io io/fs iter log log/slog maps math math/big math/bits
math/rand/v2 mime mime/multipart net net/http net/http/cookiejar net/http/httptest net/http/httptrace net/http/httputil net/mail
net/netip net/rpc net/smtp net/textproto net/url os os/exec os/signal os/user path path/filepath reflect regexp runtime runtime/debug
runtime/metrics runtime/pprof slices sort strconv strings sync sync/atomic syscall testing testing/fstest text/scanner text/tabwriter
text/template time unicode unicode/utf8 unique unsafe weak`

var standardByName = func() map[string]string {
	byName := map[string]string{}
	for p := range strings.FieldsSeq(standard) {
		if name := source.GuessPackageName(p); byName[name] == "" {
			byName[name] = p
		}
	}
	return byName
}()

// importSet is a file's imports: import path to local name.
type importSet map[string]string

// add imports a package whose name is known and returns the name to use for it:
// its own, or another where that one is taken.
func (s importSet) add(importPath, name string) string {
	if local, ok := s[importPath]; ok {
		return local
	}
	local := name
	for i := 1; s.taken(local); i++ {
		local = "fn" + name
		if i > 1 {
			local += fmt.Sprint(i)
		}
	}
	s[importPath] = local
	return local
}

func (s importSet) taken(name string) bool {
	for _, local := range s {
		if local == name {
			return true
		}
	}
	return false
}

// text writes the import declaration, the standard library's first. names has
// the names of this repository's packages, which their import paths need not
// tell.
func (s importSet) text(names map[string]string) string {
	if len(s) == 0 {
		return ""
	}
	var std, other []string
	for importPath, local := range s {
		line := "\t" + quote(importPath) + "\n"
		guess := source.GuessPackageName(importPath)
		if own := names[importPath]; local != guess || own != "" && own != guess {
			line = "\t" + local + " " + quote(importPath) + "\n"
		}
		if source.IsStandard(importPath) {
			std = append(std, line)
		} else {
			other = append(other, line)
		}
	}
	byPath := func(a, b string) int {
		return strings.Compare(a[strings.IndexByte(a, '"'):], b[strings.IndexByte(b, '"'):])
	}
	slices.SortFunc(std, byPath)
	slices.SortFunc(other, byPath)
	gap := ""
	if len(std) > 0 && len(other) > 0 {
		gap = "\n"
	}
	return "import (\n" + strings.Join(std, "") + gap + strings.Join(other, "") + ")\n"
}

// packageNames maps the import paths of this repository to their packages'
// names.
func (m *maker) packageNames() map[string]string {
	names := map[string]string{}
	for _, d := range m.c.Dirs {
		if d.ImportPath != "" && d.Package != "" {
			names[d.ImportPath] = d.Package
		}
	}
	return names
}

// importOf finds the package that a signature means by qualifier.name: one of
// this repository that declares the name, else the standard library's, else one
// that the target's module imports already.
func (m *maker) importOf(to place, qualifier, name string) (string, error) {
	for _, d := range m.c.Dirs {
		if d.Package == qualifier && d.Root == 0 && d.Path != to.dir && d.ImportPath != "" && m.visible(d, to) && m.declares(d.Path, name) {
			return d.ImportPath, nil
		}
	}
	if p := standardByName[qualifier]; p != "" {
		return p, nil
	}
	module := m.moduleDir(to.dir)
	for _, d := range m.c.Dirs {
		for _, imp := range d.Imports {
			if d.Root == 0 && m.moduleDir(d.Path) == module && source.GuessPackageName(imp.Path) == qualifier && !m.c.Local(imp.Path) {
				return imp.Path, nil
			}
		}
	}
	return "", wrong("the signature's "+qualifier+"."+name+" is of a package that nothing here imports",
		"leave the type out for now, and add it with its import in the Go file")
}

// visible applies the go command's rule for internal packages.
func (m *maker) visible(d *catalog.Dir, to place) bool {
	before, _, internal := strings.Cut("/"+d.Path+"/", "/internal/")
	return !internal || strings.HasPrefix("/"+to.dir+"/", before+"/")
}

// moduleDir is the folder of the module that a folder belongs to.
func (m *maker) moduleDir(dir string) string {
	for {
		if _, ok := m.root.Modules[dir]; ok || dir == "." {
			return dir
		}
		dir = path.Dir(dir)
	}
}

// declares reports whether the package in a folder has an exported declaration
// of that name.
func (m *maker) declares(dir, name string) bool {
	return ast.IsExported(name) && m.packageSource(dir).names[name]
}
