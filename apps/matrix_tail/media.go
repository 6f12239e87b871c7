package main

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixmedia"
)

const uploadHelp = `FILE "-" is stdin; give it a --name. In an encrypted room the file is encrypted before
it leaves this machine. Several files are several messages.`

// uploadOptions are upload's own.
type uploadOptions struct {
	settings
	Caption string `yaml:"-" flag:"caption" doc:"text next to the file"`
	Name    string `yaml:"-" flag:"name" doc:"what others see and save the file as (default: its name here)"`
}

func upload(ctx context.Context, c call, o *uploadOptions) error {
	paths := c.Args[1:]
	if len(paths) > 1 && (o.Caption != "" || o.Name != "") {
		return &core.Error{
			Code: core.CodeInvalid, Message: "--caption and --name are for one file", Hint: "send the files one by one",
		}
	}
	return deliver(ctx, c, func(p *post) error {
		for _, path := range paths {
			if err := p.file(ctx, path, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// file sends a file.
func (p *post) file(ctx context.Context, path string, o *uploadOptions) error {
	content, name, err := openFile(p.call, path)
	if err != nil {
		return err
	}
	defer content.Close()
	return p.send(ctx, func(transaction string) (matrix.MatrixSent, error) {
		sent, err := matrixmedia.MatrixSendMedia(ctx, matrixmedia.MatrixSendMediaConfig{
			Client: p.client, Outbox: p.outbox, Room: p.room,
			Content: content, FileName: cmp.Or(o.Name, name), Caption: o.Caption, TransactionID: transaction,
		})
		return sent.MatrixSent, err
	})
}

// openFile opens what is to be sent, and returns its name without folders; of
// stdin none.
func openFile(c call, path string) (content io.ReadCloser, name string, err error) {
	if path == "-" {
		return io.NopCloser(c.Stdin), "", nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", err
	}
	if !info.Mode().IsRegular() {
		return nil, "", &core.Error{
			Code: core.CodeInvalid, Message: path + " is no regular file",
			Hint: `send what a pipe has by giving "-" as the file`,
		}
	}
	file, err := os.Open(path)
	return file, filepath.Base(path), err
}

const downloadHelp = `The file gets the name that its sender gave it, made safe: no folders, no hidden
files, no control characters. One that exists already is never overwritten without
--force. Files of encrypted rooms are decrypted, and refused if they were changed.

  matrix_tail download '#ops:example.org' '$event' -o ~/Downloads`

// downloadOptions are download's own.
type downloadOptions struct {
	settings
	Output string `yaml:"-" flag:"output" short:"o" doc:"folder, or path of the new file; - is stdout"`
	Force  bool   `yaml:"-" flag:"force" doc:"overwrite a file that exists"`
	MaxMB  int64  `yaml:"-" flag:"max-mb" doc:"refuse larger files, in MiB" min:"1" max:"1000000"`
}

// downloadResult is printed as JSON.
type downloadResult struct {
	EventID     id.EventID `json:"event_id"`
	Path        string     `json:"path"`
	Size        int64      `json:"size"`
	ContentType string     `json:"content_type,omitempty"`
	Caption     string     `json:"caption,omitempty"`
}

func download(ctx context.Context, c call, o *downloadOptions) error {
	s, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer s.close()
	room, err := s.room(ctx)
	if err != nil {
		return err
	}
	evt, err := s.event(ctx, room, c.Args[1])
	if err != nil {
		return err
	}
	media, err := matrixmedia.MatrixEventMedia(evt)
	if err != nil {
		return err
	}
	cfg := matrixmedia.MatrixDownloadMediaConfig{
		Client: s.client, URI: media.URI, File: media.File, MaxSize: o.MaxMB << 20, NoReplace: !o.Force,
	}
	if o.Output == "-" {
		cfg.Writer = c.Stdout
	} else {
		cfg.Path = downloadPath(o.Output, media.FileName)
	}
	got, err := matrixmedia.MatrixDownloadMedia(ctx, cfg)
	if err != nil {
		return downloadError(err)
	}
	if o.Output == "-" {
		return nil
	}
	return show(c, core.TerminalText(cfg.Path), downloadResult{
		EventID: evt.EventID, Path: cfg.Path, Size: got.Size, ContentType: media.ContentType, Caption: media.Caption,
	})
}

// downloadPath is a new file's path: a name of others never chooses its folder.
func downloadPath(output, name string) string {
	info, err := os.Stat(output)
	if err != nil || !info.IsDir() {
		return output
	}
	return filepath.Join(output, core.FileNameSafe(cmp.Or(name, "file")))
}

// downloadError says which option helps.
func downloadError(err error) error {
	hint := ""
	switch core.ErrorCode(err) {
	case core.CodeConflict:
		hint = "give another path with --output, or --force to overwrite the file"
	case core.CodeTooLarge:
		hint = "allow more with --max-mb"
	}
	if hint == "" {
		return err
	}
	return &core.Error{Err: err, Hint: hint}
}
