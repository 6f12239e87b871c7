package spec

import (
	"bytes"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// yamlSpec is what one would decode a spec into without this package: no
// positions, no strict types.
type yamlSpec struct {
	Name, Kind, Lang, Domain, Version, Purity, Signature, Description, Output string
	Tags, Returns, Imports, Tests                                             []string
	Params                                                                    []struct{ Name, Desc string }
	UsesFunctions                                                             []string `yaml:"uses_functions"`
	UsesTypes                                                                 []string `yaml:"uses_types"`
	ReturnsOptional                                                           bool     `yaml:"returns_optional"`
	ErrorType                                                                 string   `yaml:"error_type"`
	BuildTags                                                                 []string `yaml:"build_tags"`
	Tested                                                                    bool
	TestFilePath                                                              string `yaml:"test_file_path"`
	FilePath                                                                  string `yaml:"file_path"`
}

func BenchmarkParse(b *testing.B) {
	src := sample(b)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		Parse("x.md", src)
	}
}

// BenchmarkParse_Ratio compares reading the sample with the YAML library
// filling a struct. The two take turns, so that a busy machine slows both; the
// time of one operation is that of both together.
func BenchmarkParse_Ratio(b *testing.B) {
	src := sample(b)
	front := bytes.SplitN(src, []byte("---\n"), 3)[1]
	var own, library time.Duration
	for b.Loop() {
		start := time.Now()
		Parse("x.md", src)
		own += time.Since(start)
		start = time.Now()
		var s yamlSpec
		if err := yaml.Unmarshal(front, &s); err != nil || s.FilePath == "" {
			b.Fatal(err, s)
		}
		library += time.Since(start)
	}
	b.ReportMetric(own.Seconds()/library.Seconds(), "x/yaml.Unmarshal")
}

func BenchmarkSet(b *testing.B) {
	d := Parse("x.md", sample(b))
	for name, changes := range map[string]map[string]any{
		"nothing": {"tested": true, "tests": d.Spec.Tests},
		"two":     {"tested": false, "tests": d.Spec.Tests[1:]},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := d.Set(changes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFormat(b *testing.B) {
	d := Parse("x.md", sample(b))
	for b.Loop() {
		Format(&d.Spec, d.Body.Text)
	}
}
