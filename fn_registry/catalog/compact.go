package catalog

// compact moves everything that a folder's files contain into a few blocks, by
// encoding and decoding it as a snapshot: parsers leave a small object for
// every string and list, which takes half as much memory again and most of the
// garbage collector's time. The units stay in place.
func (d *Dir) compact() {
	w := newWriter(len(d.Units))
	w.dir(&d)
	text := make([]byte, 0, w.text)
	for _, s := range w.table {
		text = append(text, s...)
	}
	r := newReader(text, append(w.lengths(), w.buf...))
	r.slabs = w.slabs
	units, packed := d.Units, new(*Dir)
	r.dir(packed)
	*d = **packed
	d.Units = units
	for i, u := range (*packed).Units {
		*units[i] = *u
		units[i].Dir = d
	}
}
