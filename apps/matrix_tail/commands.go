package main

import (
	"context"
	"strings"

	"fnregistry.dev/functions/infra/program"
)

const programHelp = `ROOM is an ID (!abc:example.org), an alias (#ops:example.org, or #ops on your own
server) or a matrix.to link; EVENT is an event's ID ($...), the last column of
follow and history. Put them into single quotes: shells change ! # and $.

  export MATRIX_TAIL_USER=@me:example.org
  matrix_tail login
  matrix_tail follow '#ops:example.org'
  make 2>&1 | matrix_tail send '#ops:example.org' - --plain

Exit codes: 0 done, 64 wrong usage, 65 too large, 66 no such room, event or file,
69 no network or server, 73 refused for good or already there, 75 try again
later, 77 not logged in or not allowed, 130 ended by Ctrl-C. Errors are text on
stderr also with --json.`

const textHelp = `TEXT is Markdown unless --plain is given. "-" reads it from stdin: the whole input
is one message of up to 65,536 bytes.`

func matrixTail() program.ProgramRunConfig {
	base := defaults()
	return program.ProgramRunConfig{
		Name: "matrix_tail", Doc: "reads and writes Matrix rooms in the terminal, encrypted ones too",
		Help: programHelp,
		Commands: []*program.ProgramCommandHandle{
			command(program.ProgramCommandConfig[*loginOptions]{
				Name: "login", Doc: "log in by password, and keep the access token", Help: loginHelp,
				Defaults: &loginOptions{settings: base},
			}, login),
			command(program.ProgramCommandConfig[*settings]{
				Name: "rooms", Doc: "list your rooms and invitations", Defaults: &base,
			}, rooms),
			command(program.ProgramCommandConfig[*joinOptions]{
				Name: "join", Args: "[ROOM...]", MaxArgs: -1, Doc: "join rooms, or accept invitations",
				Help:     "Only --invited accepts what others chose: look at matrix_tail rooms first.",
				Defaults: &joinOptions{settings: base},
			}, join),
			command(program.ProgramCommandConfig[*settings]{
				Name: "leave", Args: "ROOM...", MinArgs: 1, MaxArgs: -1,
				Doc: "leave rooms, or decline invitations", Defaults: &base,
			}, leave),
			command(program.ProgramCommandConfig[*settings]{
				Name: "follow", Args: "[ROOM...]", MaxArgs: -1,
				Doc:  "print the events of rooms, or of all rooms, as they come",
				Help: followHelp, Defaults: &base,
			}, follow),
			command(program.ProgramCommandConfig[*historyOptions]{
				Name: "history", Args: "ROOM", MinArgs: 1,
				Doc: "print older events of a room, the oldest first", Help: historyHelp,
				Defaults: &historyOptions{settings: base, Limit: 50},
			}, history),
			command(program.ProgramCommandConfig[*sendOptions]{
				Name: "send", Args: "ROOM TEXT...", MinArgs: 2, MaxArgs: -1,
				Doc: "send a message, in Markdown", Help: sendHelp,
				Defaults: &sendOptions{textOptions: textOptions{settings: base}},
			}, send),
			command(program.ProgramCommandConfig[*textOptions]{
				Name: "answer", Args: "ROOM EVENT TEXT...", MinArgs: 3, MaxArgs: -1,
				Doc: "answer an event in its thread, or start one", Help: textHelp, Defaults: &textOptions{settings: base},
			}, answer),
			command(program.ProgramCommandConfig[*textOptions]{
				Name: "edit", Args: "ROOM EVENT TEXT...", MinArgs: 3, MaxArgs: -1,
				Doc: "replace the text of a message of yours", Help: textHelp, Defaults: &textOptions{settings: base},
			}, edit),
			command(program.ProgramCommandConfig[*reactOptions]{
				Name: "react", Args: "ROOM EVENT EMOJI", MinArgs: 3,
				Doc:      "react to an event, or take a reaction back",
				Help:     "Reactions are not encrypted, in encrypted rooms either.",
				Defaults: &reactOptions{settings: base},
			}, react),
			command(program.ProgramCommandConfig[*settings]{
				Name: "redact", Args: "ROOM EVENT [REASON...]", MinArgs: 2, MaxArgs: -1,
				Doc:  "remove an event's content, for all and for good",
				Help: "REASON is shown to everybody, and is not encrypted.", Defaults: &base,
			}, redact),
			command(program.ProgramCommandConfig[*uploadOptions]{
				Name: "upload", Args: "ROOM FILE...", MinArgs: 2, MaxArgs: -1, Doc: "send files", Help: uploadHelp,
				Defaults: &uploadOptions{settings: base},
			}, upload),
			command(program.ProgramCommandConfig[*downloadOptions]{
				Name: "download", Args: "ROOM EVENT", MinArgs: 2, Doc: "save the file of a message", Help: downloadHelp,
				Defaults: &downloadOptions{settings: base, Output: ".", MaxMB: 100},
			}, download),
			command(program.ProgramCommandConfig[*settings]{
				Name: "outbox", Doc: "list messages that wait to be sent, and parked ones that the server refused",
				Help: "It needs no network. A parked message blocks nothing; retry or drop it.", Defaults: &base,
			}, outbox),
			command(program.ProgramCommandConfig[*settings]{
				Name: "retry", Args: "[TRANSACTION...]", MaxArgs: -1,
				Doc: "send parked messages again: those named, or all", Defaults: &base,
			}, retry),
			command(program.ProgramCommandConfig[*settings]{
				Name: "drop", Args: "TRANSACTION...", MinArgs: 1, MaxArgs: -1,
				Doc: "delete messages that were not sent", Defaults: &base,
			}, drop),
		},
	}
}

// options are the settings and what a command has of its own.
type options interface{ common() *settings }

// command gives run the settings and the command's own options apart.
func command[T options](
	cfg program.ProgramCommandConfig[T],
	run func(context.Context, call, T) error,
) *program.ProgramCommandHandle {
	words := strings.Fields(cfg.Args)
	cfg.Complete = func(ctx context.Context, c program.ProgramCompletion[T]) []string {
		if c.Flag != "" {
			return files(c.Prefix)
		}
		// Where there is no room there are no files either, which nil would be.
		return append([]string{}, candidates(ctx, c.Settings.common(), argument(words, len(c.Args)), c.Prefix)...)
	}
	cfg.Run = func(ctx context.Context, c program.ProgramCall[T]) error {
		return run(ctx, call{
			Settings: c.Settings.common(), Args: c.Args, Dash: c.Dash,
			Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr, Log: c.Log, Version: c.Version,
		}, c.Settings)
	}
	return program.ProgramCommand(cfg)
}
