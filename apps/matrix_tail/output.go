package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"maunium.net/go/mautrix/id"

	fnjson "fnregistry.dev/functions/infra/json"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
)

// show prints a result: the value as a line of JSON where that is asked for,
// else the text, which must be fit for a terminal.
func show(c call, text string, value any) error {
	if c.Settings.JSON {
		line, err := fnjson.JSONLine(value)
		if err != nil {
			return err
		}
		_, err = c.Stdout.Write(line)
		return err
	}
	_, err := fmt.Fprintln(c.Stdout, text)
	return err
}

// eventPrinter prints events of rooms with what their senders are called.
type eventPrinter struct {
	call
	names  *matrixroom.MatrixMemberNamesHandle
	titles map[id.RoomID]string // of the rooms, where there are several
}

func (s *session) newEventPrinter(titles map[id.RoomID]string) (*eventPrinter, error) {
	names, err := matrixroom.MatrixMemberNames(matrixroom.MatrixMemberNamesConfig{Client: s.client})
	if err != nil {
		return nil, err
	}
	return &eventPrinter{call: s.call, names: names, titles: titles}, nil
}

// event prints nothing for events that readers of a room don't see, except as
// JSON.
func (p *eventPrinter) event(ctx context.Context, evt matrix.MatrixSyncEvent) error {
	if p.Settings.JSON {
		name := p.names.Name(ctx, evt.RoomID, evt.Sender)
		return show(p.call, "", matrix.MatrixEventJSON(evt, matrix.MatrixEventJSONConfig{Name: name}))
	}
	line := matrix.MatrixEventLineConfig{In: time.Local}
	if p.titles != nil {
		line.Room = cmp.Or(p.titles[evt.RoomID], string(evt.RoomID)) // one joined since has no title yet
	}
	if matrix.MatrixEventLine(evt, line) == "" {
		return nil // no name is needed
	}
	line.Name = p.names.Name(ctx, evt.RoomID, evt.Sender)
	return show(p.call, matrix.MatrixEventLine(evt, line), nil)
}
