package program

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

// completeWord is the hidden command with which the shells' scripts ask for
// completions. Its arguments are the words of the command line, the last one as
// far as it is typed. It prints one candidate per line, followed by a tab and
// its description, and finally ":none", ":files" (complete the word as a file
// name) or ":nospace" (the word continues after the candidate).
const completeWord = "__complete"

// candidates are the possible completions of a word.
type candidates struct {
	words     []string // each optionally with a tab and a description
	before    string   // what is typed before each
	begun     string   // the part of each that is typed
	directive string
}

func (r *runner) complete(ctx context.Context, words []string) error {
	if len(words) == 0 {
		words = []string{""}
	}
	list := r.candidates(ctx, words[:len(words)-1], words[len(words)-1])
	var b strings.Builder
	for _, word := range list.words {
		if strings.HasPrefix(word, list.begun) && !strings.ContainsAny(word, "\n\r") {
			fmt.Fprintln(&b, list.before+word)
		}
	}
	fmt.Fprintln(&b, ":"+list.directive)
	_, err := io.WriteString(r.out, b.String())
	return err
}

func (r *runner) candidates(ctx context.Context, before []string, begun string) candidates {
	word, rest, _ := r.split(before)
	c := r.command(word)
	named := c != nil && word != ""
	if !named {
		rest, c = before, r.command("")
	}
	if c == nil {
		if strings.HasPrefix(begun, "-") {
			return candidates{words: []string{"--help\tsay what there is", "--version\tprint the version"}, begun: begun, directive: "none"}
		}
		return candidates{words: r.commandWords(), begun: begun, directive: "none"}
	}
	list := r.completeFor(ctx, c, rest, begun)
	if !named && len(before) == 0 && list.before == "" && !strings.HasPrefix(begun, "-") {
		list.words = append(r.commandWords(), list.words...)
	}
	return list
}

// commandWords returns the names of the commands and what they do.
func (r *runner) commandWords() []string {
	var words []string
	for _, c := range r.commands() {
		if c.name != "" {
			words = append(words, c.name+"\t"+c.doc)
		}
	}
	return words
}

func (r *runner) completeCommands(_ context.Context, c ProgramCompletion[*struct{}]) []string {
	if len(c.Args) > 0 {
		return nil
	}
	return r.commandWords()
}

// completeFor completes a word after a command's name.
func (r *runner) completeFor(ctx context.Context, c *ProgramCommandHandle, before []string, begun string) candidates {
	settings := c.settings()
	l := &loading{program: r.cfg.Name, lookup: r.cfg.LookupEnv}
	if err := l.prepare(settings); err != nil {
		return candidates{directive: "none"}
	}
	if c.reads != nil {
		r.addSettings(l, c.reads)
	}
	flags, err := flagsOf(l.fields)
	if err != nil {
		return candidates{directive: "none"}
	}
	value, typed, behind := "", begun, slices.Contains(before, "--") // value is the flag whose value is being typed
	if n := len(before); n > 0 && !behind {
		name, _, hasValue, _ := cutFlag(before[n-1])
		if f, known := flags[name]; known && !hasValue && (f == nil || !f.isBool()) {
			value, before = name, before[:n-1]
		}
	}
	if name, text, hasValue, _ := cutFlag(begun); hasValue && value == "" && !behind {
		value, typed = name, text
	}
	if value == "" && strings.HasPrefix(begun, "-") && !behind {
		return candidates{words: r.flagWords(c), begun: begun, directive: "none"}
	}
	l.lenient(before)
	f := flags[value]
	list := candidates{before: begun[:len(begun)-len(typed)], directive: "none"}
	if f != nil && f.Type == "list" {
		item := strings.LastIndexByte(typed, ',') + 1
		list.before, typed, list.directive = list.before+typed[:item], typed[item:], "nospace"
	}
	list.begun = typed
	switch {
	case value != "" && f == nil: // --config, or an unknown one
		list.directive = "files"
	case f != nil && f.Enum != nil:
		list.words = f.Enum
	case value == "" && !c.takes(len(l.rest)+1): // there is no further argument
	default:
		if c.complete != nil {
			list.words = c.complete(ctx, settings, ProgramCompletion[*struct{}]{Args: l.rest, Flag: value, Prefix: typed})
		}
		isText := f != nil && (f.Type == "text" || f.Type == "secret" || f.Type == "list")
		if list.words == nil && (isText || value == "") {
			list.directive = "files"
		}
	}
	return list
}

// lenient reads the words so far, ignoring errors.
func (l *loading) lenient(args []string) {
	if l.parse(args) != nil {
		return
	}
	_ = l.read()
}

// flagWords returns a command's flags and what they are for.
func (r *runner) flagWords(c *ProgramCommandHandle) []string {
	fields, err := r.helpFields(c)
	if err != nil {
		return nil
	}
	words := map[string]string{"--help": "print what there is"}
	if hasSettings(fields) {
		words["--config"] = "YAML file with settings"
	}
	if c.name == "" {
		words["--version"] = "print the version"
	}
	for _, f := range fields {
		if f.Flag != "" {
			_, doc := f.usage()
			words[f.FlagName()] = doc
		}
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(words)) {
		all = append(all, name+"\t"+words[name])
	}
	return all
}

const completionHelp = `Bash, in ~/.bashrc:                   source <(NAME completion bash)
Zsh, in ~/.zshrc behind compinit:     source <(NAME completion zsh)
Fish, in ~/.config/fish/config.fish:  NAME completion fish | source`

func (r *runner) completionCommand() *ProgramCommandHandle {
	shells := slices.Sorted(maps.Keys(completionScripts))
	return ProgramCommand(ProgramCommandConfig[*struct{}]{
		Name: "completion", Args: "SHELL", ArgsDoc: "a shell: bash, zsh or fish", MinArgs: 1,
		Doc:  "print a shell completion script: bash, zsh, fish",
		Help: strings.ReplaceAll(completionHelp, "NAME", r.cfg.Name),
		Complete: func(_ context.Context, c ProgramCompletion[*struct{}]) []string {
			if len(c.Args) > 0 {
				return nil
			}
			return shells
		},
		Run: func(_ context.Context, call ProgramCall[*struct{}]) error {
			script, ok := completionScripts[call.Args[0]]
			if !ok {
				return r.notAShell(call.Args[0])
			}
			function := "_" + strings.NewReplacer("-", "_", ".", "_").Replace(r.cfg.Name)
			_, err := io.WriteString(call.Stdout, strings.NewReplacer("FUNCTION", function, "PROGRAM", r.cfg.Name).Replace(script))
			return err
		},
	})
}

func (r *runner) notAShell(word string) error {
	return &core.Error{
		Code: core.CodeInvalid, Message: fmt.Sprintf("%s completion needs a shell: bash, zsh or fish, not %.60q", r.cfg.Name, word),
		Hint: r.cfg.Name + " help completion says what to do with what it prints",
	}
}

// completionScripts are read by the shells; FUNCTION and PROGRAM are replaced.
// They get candidates from the program with completeWord.
var completionScripts = map[string]string{
	"bash": `# Completion of PROGRAM for bash: source <(PROGRAM completion bash)
FUNCTION() {
    # Bash takes --flag=value for three words; the program wants one.
    local -a words=()
    local i glue=
    for ((i = 1; i <= COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == "=" && ${#words[@]} -gt 0 ]]; then
            words[${#words[@]}-1]+="="
            glue=1
        elif [[ $glue ]]; then
            words[${#words[@]}-1]+=${COMP_WORDS[i]}
            glue=
        else
            words+=("${COMP_WORDS[i]}")
        fi
    done
    local typed=${words[${#words[@]}-1]} last=${COMP_WORDS[COMP_CWORD]} line word directive=
    [[ $last == "=" ]] && last=
    local shown=$((${#typed} - ${#last}))
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        :*) directive=$line ;;
        *)
            word=${line%%$'\t'*}
            word=${word:shown}
            [[ $word == *[!a-zA-Z0-9_.,:=/@%+-]* ]] && printf -v word %q "$word"
            COMPREPLY+=("$word")
            ;;
        esac
    done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
    case $directive in
    :files) compopt -o default ;;
    :nospace) compopt -o nospace ;;
    esac
}
complete -F FUNCTION PROGRAM
`,
	"zsh": `#compdef PROGRAM
# Completion of PROGRAM for zsh: source <(PROGRAM completion zsh)
FUNCTION() {
    local -a lines found
    local line directive
    lines=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    directive=$lines[-1]
    for line in "${(@)lines[1,-2]}"; do
        if [[ $line == *$'\t'* ]]; then
            found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        else
            found+=("${line//:/\\:}")
        fi
    done
    if (( $#found )); then
        case $directive in
        :nospace) _describe -V PROGRAM found -S '' ;;
        *) _describe -V PROGRAM found ;;
        esac
    fi
    [[ $directive == :files ]] && _files
    return 0
}
if [[ ${funcstack[1]} == FUNCTION ]]; then
    FUNCTION "$@"
else
    compdef FUNCTION PROGRAM
fi
`,
	"fish": `# Completion of PROGRAM for fish: PROGRAM completion fish | source
function FUNCTION
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] 2>/dev/null)
    test (count $lines) -gt 1; and printf '%s\n' $lines[1..-2]
    test "$lines[-1]" = :files; and __fish_complete_path (commandline -ct)
end
complete -c PROGRAM -f -a '(FUNCTION)'
`,
}
