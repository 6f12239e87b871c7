package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
	fnjson "fnregistry.dev/functions/infra/json"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
)

// argument is what the argument at a position is called in a usage line, such
// as ROOM; empty where there is none.
func argument(words []string, at int) string {
	if n := len(words); at >= n && n > 0 && strings.Contains(words[n-1], "...") {
		at = n - 1
	}
	if at >= len(words) {
		return ""
	}
	return strings.Trim(words[at], "[].")
}

// candidates are what an argument may be. They come from the disk: a completion
// must neither wait for a server nor ask for a passphrase.
func candidates(ctx context.Context, s *settings, argument, prefix string) []string {
	switch argument {
	case "ROOM":
		return knownRooms(s)
	case "FILE":
		return files(prefix)
	case "TRANSACTION":
		return transactions(ctx, s)
	}
	return nil
}

// knownRoom is a room as the last call of rooms listed it.
type knownRoom struct {
	Name  string `json:"name"` // its alias, else its ID
	Title string `json:"title"`
}

func knownRoomsPath(s *settings) string { return filepath.Join(s.State, "rooms.json") }

func knownRooms(s *settings) []string {
	known, err := fnjson.JSONFileRead[[]knownRoom](knownRoomsPath(s), fnjson.JSONFileReadConfig{})
	if err != nil {
		return nil
	}
	words := make([]string, len(known))
	for i, room := range known {
		words[i] = room.Name + "\t" + core.TerminalText(room.Title)
	}
	return words
}

// keepRooms stores the rooms for knownRooms.
func keepRooms(ctx context.Context, s *settings, rooms []matrixroom.MatrixRoomListItem) error {
	known := make([]knownRoom, len(rooms))
	for i, room := range rooms {
		known[i] = knownRoom{string(room.RoomID), room.Title}
		if room.Alias != "" {
			known[i].Name = string(room.Alias)
		}
		known[i].Name = core.TerminalText(known[i].Name)
	}
	line, err := fnjson.JSONLine(known)
	if err != nil {
		return err
	}
	return atomicfile.FileWriteAtomic(ctx, knownRoomsPath(s), strings.NewReader(string(line)), 0o600)
}

// transactions are those of the messages in the queue.
func transactions(ctx context.Context, s *settings) []string {
	if _, err := os.Stat(filepath.Join(s.State, "state.db")); err != nil || s.User == "" {
		return nil
	}
	queue, err := openQueue(ctx, s)
	if err != nil {
		return nil
	}
	defer queue.close()
	entries, err := queue.unsent(ctx)
	if err != nil {
		return nil
	}
	words := make([]string, len(entries))
	for i, entry := range entries {
		words[i] = entry.TransactionID + "\t" + queuedText(entry)
	}
	return words
}

// files lists what a path that is being typed may become.
func files(prefix string) []string {
	folder, _ := filepath.Split(prefix)
	from := folder
	if from == "" {
		from = "."
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil
	}
	var paths []string
	for _, entry := range entries {
		path := folder + entry.Name()
		if entry.IsDir() {
			path += string(filepath.Separator)
		}
		paths = append(paths, path)
	}
	return paths
}
