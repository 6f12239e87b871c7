package migration_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/migration"
)

func folder(pairs ...string) fs.FS {
	files := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		files[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return files
}

func TestMigrationFiles_InOrder(t *testing.T) {
	t.Parallel()
	files, err := migration.MigrationFiles("op", folder("m/10_c.sql", "c", "m/0002_b.sql", "x\r\ny", "m/1_a-B.sql", "a", "m/README.md", "no", "m/sub/3_d.sql", "no"), "m")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, f.Name+" "+f.Content)
	}
	if text := strings.Join(got, ", "); text != "1_a-B.sql a, 0002_b.sql x\ny, 10_c.sql c" || files[2].Version != 10 {
		t.Errorf("%s, %+v", text, files[2])
	}
	// printf a | sha256sum
	if want := "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"; files[0].Checksum != want {
		t.Errorf("%s, want %s", files[0].Checksum, want)
	}
}

func TestMigrationFiles_LineEndsAreNoChange(t *testing.T) {
	t.Parallel()
	unix, err := migration.MigrationFiles("op", folder("1_a.sql", "a\nb\n"), "")
	dos, dosErr := migration.MigrationFiles("op", folder("1_a.sql", "a\r\nb\r\n"), "")
	if err != nil || dosErr != nil || unix[0] != dos[0] {
		t.Errorf("%+v, %+v, %v, %v", unix, dos, err, dosErr)
	}
}

func TestMigrationFiles_Refused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fsys fs.FS
		dir  string
		code core.Code
		want string
	}{
		"no FS":     {nil, "", core.CodeInvalid, "op: no FS"},
		"no folder": {folder("1_a.sql", ""), "gone", core.CodeNotFound, "op: open gone"},
		"no file":   {folder("m/a.txt", ""), "m", core.CodeInvalid, `op: no *.sql file in folder "m"`},
		"no number": {folder("users.sql", ""), "", core.CodeInvalid, "op file=users.sql: bad name"},
		"zero":      {folder("0_a.sql", ""), "", core.CodeInvalid, "op file=0_a.sql: bad name"},
		"down":      {folder("1_a.down.sql", ""), "", core.CodeInvalid, "op file=1_a.down.sql: bad name"},
		"no words":  {folder("1_.sql", ""), "", core.CodeInvalid, "op file=1_.sql: bad name"},
		"too large": {folder("9223372036854775808_a.sql", ""), "", core.CodeInvalid, "bad name"},
		"twice":     {folder("1_a.sql", "", "01_b.sql", ""), "", core.CodeInvalid, "has the same number as"},
	} {
		files, err := migration.MigrationFiles("op", c.fsys, c.dir)
		if files != nil || core.ErrorCode(err) != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want %s: %s", name, files, err, c.code, c.want)
		}
	}
}
