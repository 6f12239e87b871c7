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

// resolve returns the room that is named. Which room an alias led to last is
// kept, for when the server can't be asked.
func (s *session) resolve(ctx context.Context, named string) (id.RoomID, error) {
	cfg := matrixroom.MatrixRoomResolveConfig{Client: s.client, Room: named}
	room, _, err := matrixroom.MatrixRoomResolve(ctx, cfg)
	switch core.ErrorCode(err) {
	case core.CodeUnavailable, core.CodeTimeout, core.CodeLimited:
		known, lookErr := s.lastRoom(ctx, named)
		if lookErr != nil || known == "" {
			return "", errors.Join(err, lookErr)
		}
		return known, nil
	}
	if err != nil || named == string(room) {
		return room, err
	}
	const keep = "INSERT INTO matrix_tail_room (named, room) VALUES (?, ?) ON CONFLICT DO UPDATE SET room = excluded.room " +
		"WHERE room <> excluded.room"
	if err := s.roomTable(ctx); err != nil {
		return "", err
	}
	_, err = s.db.Writer.ExecContext(ctx, keep, named, string(room))
	return room, sqlite.SQLiteError("keep room", err)
}

// lastRoom is where a name led last, empty if that is not known.
func (s *session) lastRoom(ctx context.Context, named string) (room id.RoomID, err error) {
	if err := s.roomTable(ctx); err != nil {
		return "", err
	}
	err = s.db.Writer.QueryRowContext(ctx, "SELECT room FROM matrix_tail_room WHERE named = ?", named).Scan(&room)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return room, sqlite.SQLiteError("known room", err)
}

func (s *session) roomTable(ctx context.Context) error {
	_, err := s.db.Writer.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS matrix_tail_room (named TEXT PRIMARY KEY, room TEXT NOT NULL) WITHOUT ROWID")
	return sqlite.SQLiteError("rooms", err)
}
