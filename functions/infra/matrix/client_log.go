package matrix

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/tidwall/gjson"
)

// clientLog makes the logger of a mautrix.Client, which writes to an
// slog.Logger. Of what mautrix logs, message, error, numbers and the strings
// named in clientLogKeys pass: no request's body, which has what people write,
// no query of a URL, and nothing that a later version adds.
func clientLog(logger *slog.Logger, transport *clientTransport) zerolog.Logger {
	if logger == nil {
		return zerolog.Nop()
	}
	writer := &clientLogWriter{logger: logger, transport: transport}
	return zerolog.New(writer).Level(zerolog.DebugLevel).Sample(writer)
}

var clientLogKeys = []string{
	"error", "method", "url", "response_mime", "component",
	"room_id", "event_id", "event_type", "user_id", "device_id", "sender", "session_id",
}

type clientLogWriter struct {
	logger    *slog.Logger
	transport *clientTransport
}

var (
	_ zerolog.LevelWriter = (*clientLogWriter)(nil)
	_ zerolog.Sampler     = (*clientLogWriter)(nil)
)

// Sample keeps zerolog from putting together what slog drops.
func (w *clientLogWriter) Sample(level zerolog.Level) bool {
	return w.logger.Enabled(context.Background(), slogLevel(level))
}

// Write implements [io.Writer]. zerolog calls WriteLevel instead.
func (w *clientLogWriter) Write(line []byte) (int, error) {
	return w.WriteLevel(zerolog.InfoLevel, line)
}

// WriteLevel takes one line of JSON.
func (w *clientLogWriter) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	message := "mautrix"
	var attrs []slog.Attr
	gjson.ParseBytes(line).ForEach(func(key, value gjson.Result) bool {
		switch {
		case key.Str == zerolog.MessageFieldName:
			message = w.clean(value.Str)
		case value.Type == gjson.Number:
			attrs = append(attrs, slog.Float64(key.Str, value.Num))
		case value.IsBool():
			attrs = append(attrs, slog.Bool(key.Str, value.Bool()))
		case value.Type == gjson.String && slices.Contains(clientLogKeys, key.Str):
			text := value.Str
			if key.Str == "url" {
				text, _, _ = strings.Cut(text, "?")
			}
			attrs = append(attrs, slog.String(key.Str, w.clean(text)))
		}
		return true
	})
	w.logger.LogAttrs(context.Background(), slogLevel(level), message, attrs...)
	return len(line), nil
}

// clean masks the token, should it come by a way that nobody has thought of.
func (w *clientLogWriter) clean(text string) string {
	return mask(text, *w.transport.token.Load())
}

func slogLevel(level zerolog.Level) slog.Level {
	switch {
	case level >= zerolog.ErrorLevel && level <= zerolog.PanicLevel:
		return slog.LevelError
	case level == zerolog.WarnLevel:
		return slog.LevelWarn
	case level == zerolog.InfoLevel:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}
