package catalog

// readLimited reads a file, up to limit bytes. size is the expected size of the
// file: reading it then takes three system calls, where os.ReadFile takes ten.
// The result is in buf if that is large enough.
func readLimited(file string, size, limit int64, buf []byte) ([]byte, error) {
	in, err := openFile(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	want := min(size, limit)
	if int64(cap(buf)) <= want {
		buf = make([]byte, 0, want+1) // one more to detect a longer file
	}
	buf = buf[:0]
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		room := buf[len(buf):min(int64(cap(buf)), limit)]
		n, err := in.Read(room)
		buf = buf[:len(buf)+n]
		switch {
		case err != nil:
			return nil, err
		case n == 0, int64(len(buf)) == limit, int64(len(buf)) == size && n < len(room):
			return buf, nil
		}
	}
}
