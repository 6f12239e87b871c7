package main

import (
	"context"
	"database/sql"
	"errors"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
	"fnregistry.dev/functions/infra/sqlite"
)

// room is the one that the first argument names. Which room an alias led to
// last is kept, for when the server can't be asked.
func (s *session) room(ctx context.Context) (id.RoomID, error) {
	room, _, err := matrixroom.MatrixRoomResolve(ctx, matrixroom.MatrixRoomResolveConfig{Client: s.client, Room: s.Args[0]})
	switch core.ErrorCode(err) {
	case core.CodeUnavailable, core.CodeTimeout, core.CodeLimited:
		known, lookErr := s.knownRoom(ctx)
		if lookErr != nil || known == "" {
			return "", errors.Join(err, lookErr)
		}
		return known, nil
	}
	if err != nil || s.Args[0] == string(room) {
		return room, err
	}
	const keep = "INSERT INTO matrix_tail_room (named, room) VALUES (?, ?) ON CONFLICT DO UPDATE SET room = excluded.room WHERE room <> excluded.room"
	if err := s.roomTable(ctx); err != nil {
		return "", err
	}
	_, err = s.db.Writer.ExecContext(ctx, keep, s.Args[0], string(room))
	return room, sqlite.SQLiteError("keep room", err)
}

// knownRoom is where the first argument led last, empty if that is not known.
func (s *session) knownRoom(ctx context.Context) (room id.RoomID, err error) {
	if err := s.roomTable(ctx); err != nil {
		return "", err
	}
	err = s.db.Writer.QueryRowContext(ctx, "SELECT room FROM matrix_tail_room WHERE named = ?", s.Args[0]).Scan(&room)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return room, sqlite.SQLiteError("known room", err)
}

func (s *session) roomTable(ctx context.Context) error {
	_, err := s.db.Writer.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS matrix_tail_room (named TEXT PRIMARY KEY, room TEXT NOT NULL) WITHOUT ROWID")
	return sqlite.SQLiteError("rooms", err)
}
