package program

import (
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
	"unicode/utf8"
)

// help prints the --help of a command, or of the program if it is nil or has no
// name.
func (r *runner) help(c *ProgramCommandHandle) error {
	if c == nil {
		c = r.command("")
	}
	var b strings.Builder
	width := widthOf(r.cfg.Stdout)
	title := r.cfg.Name + ": " + r.cfg.Doc
	if c != nil && c.name != "" {
		title = r.path(c) + ": " + c.doc
	}
	b.WriteString(wrap(title, 0, width) + "\n\n")
	usage := "usage: "
	if c != nil {
		fmt.Fprintf(&b, "%s\n", r.usageLine(c))
		usage = "       "
	}
	if c == nil || c.name == "" {
		fmt.Fprintf(&b, "%s%s COMMAND ...\n", usage, r.cfg.Name)
		writeText(&b, r.cfg.Help, width)
		if c != nil {
			writeText(&b, c.help, width)
		}
		r.writeCommands(&b, width)
	} else {
		writeText(&b, c.help, width)
	}
	flags := ""
	if c != nil {
		fields, err := r.helpFields(c)
		if err != nil {
			return err
		}
		flags = describe(r.cfg.Name, nil, fields).usage(width)
	}
	b.WriteString("\nFlags:\n" + flags)
	if c == nil || c.name == "" {
		b.WriteString("  --version\n        print the version\n")
	}
	b.WriteString("  -h, --help\n        print this text\n")
	_, err := io.WriteString(r.out, b.String())
	return err
}

// writeText writes a help text whose paragraphs fit into width. Examples, lists
// and tables, which are indented or have columns, keep their lines.
func writeText(b *strings.Builder, text string, width int) {
	text = strings.Trim(text, "\n")
	if text == "" {
		return
	}
	paragraphs := strings.Split(text, "\n\n")
	for i, paragraph := range paragraphs {
		if isProse(paragraph) && tooWide(paragraph, width) {
			paragraphs[i] = wrap(paragraph, 0, width)
		}
	}
	b.WriteString("\n" + strings.Join(paragraphs, "\n\n") + "\n")
}

func isProse(paragraph string) bool {
	return !strings.HasPrefix(paragraph, " ") && !strings.Contains(paragraph, "  ")
}

func tooWide(text string, width int) bool {
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > width {
			return true
		}
	}
	return false
}

// usageLine shows how a command is called, with its arguments.
func (r *runner) usageLine(c *ProgramCommandHandle) string {
	line := "usage: " + r.path(c)
	if fields, err := r.helpFields(c); err == nil && len(fields) > 0 {
		line += " [flags]"
	}
	return strings.TrimSpace(line + " " + c.args)
}

func (r *runner) writeCommands(b *strings.Builder, width int) {
	b.WriteString("\nCommands:\n")
	column := 0
	for _, c := range r.commands() {
		column = max(column, len(c.name)+len(c.args)+1)
	}
	for _, c := range r.commands() {
		if c.name != "" {
			fmt.Fprintf(b, "  %-*s  %s\n", column, c.name+" "+c.args, wrap(c.doc, column+4, width))
		}
	}
}

// helpFields returns the fields that a command's flags set.
func (r *runner) helpFields(c *ProgramCommandHandle) ([]*field, error) {
	fields, err := r.fields(c)
	if err != nil || c.reads == nil {
		return fields, err
	}
	settings := c.reads.settings()
	shared, err := settingsOf(r.cfg.Name, reflect.ValueOf(settings).Elem())
	return append(withKeys(shared), fields...), err
}

// withKeys filters out options.
func withKeys(fields []*field) []*field {
	var all []*field
	for _, f := range fields {
		if f.Key != "" {
			all = append(all, f)
		}
	}
	return all
}

// allFlags returns the flags of all commands, as far as split needs them.
func (r *runner) allFlags() (map[string]*field, error) {
	all := map[string]*field{}
	for _, c := range r.commands() {
		fields, err := r.helpFields(c)
		if err != nil {
			return nil, err
		}
		flags, err := flagsOf(fields)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, flags)
	}
	return all, nil
}

func (r *runner) helpCommand() *ProgramCommandHandle {
	return ProgramCommand(ProgramCommandConfig[*struct{}]{
		Name: "help", Args: "[COMMAND]", MaxArgs: 1, Doc: "say what a command does",
		Complete: r.completeCommands,
		Run:      r.runHelp,
	})
}

func (r *runner) runHelp(_ context.Context, call ProgramCall[*struct{}]) error {
	if len(call.Args) == 0 {
		return r.help(nil)
	}
	c := r.command(call.Args[0])
	if c == nil {
		return r.unknown(fmt.Sprintf("no command %q", call.Args[0]), call.Args[0])
	}
	return r.help(c)
}
