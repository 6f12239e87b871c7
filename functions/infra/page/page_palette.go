package page

// PagePaletteConfig lists what the palette offers.
type PagePaletteConfig struct {
	Commands []PageLink // offered immediately, filtered by the input
	// Search is an address that ends where what is typed is to be appended,
	// as /palette?q=. It answers a JSON array of PageLink. Empty: the
	// commands are all there is.
	Search string
}

// PagePalette is the dialog that Ctrl-K (on a Mac, Command-K) and the shell's
// button open: commands and search results, chosen by keys. Give it to
// [PageShellConfig.Palette]; without JavaScript it stays closed.
//
// More in page_palette.md:
//   - Without JavaScript it stays closed: it must not be the only way to a
//     place.
//   - Each letter sends a search request; late responses are dropped, but the
//     server still computes them.
func PagePalette(cfg PagePaletteConfig) PageComponent {
	return PageHTML(func(w *PageWriter) {
		w.Open("dialog", "class", "palette", "aria-label", "Go to", "data-search", cfg.Search)
		w.Open("input", "type", "text", "role", "combobox", "aria-label", "Go to", "aria-expanded", "true", "aria-controls", "palette-list",
			"aria-autocomplete", "list", "placeholder", "Go to…", "autocomplete", "off", "spellcheck", "false")
		w.Open("nav", "class", "commands", "hidden?", "yes", "aria-label", "Commands")
		for _, command := range cfg.Commands {
			w.link(command)
		}
		w.Close("nav")
		w.Element("ul", "", "id", "palette-list", "role", "listbox", "aria-label", "Go to")
		w.Open("p")
		w.Element("kbd", "↑")
		w.Text(" ")
		w.Element("kbd", "↓")
		w.Text(" choose, ")
		w.Element("kbd", "Enter")
		w.Text(" opens, ")
		w.Element("kbd", "Esc")
		w.Text(" closes")
		w.Close("p", "dialog")
	})
}
