-- A shop of records: foreign keys, a view, a full-text index, and values that are easily lost.
CREATE TABLE artist (id INTEGER PRIMARY KEY, name TEXT NOT NULL, born DATE);
CREATE TABLE album (
	id INTEGER PRIMARY KEY, artist_id INTEGER REFERENCES artist (id), title TEXT, price REAL, cover BLOB, stock INTEGER,
	data TEXT, cents INTEGER AS (round(price * 100)) VIRTUAL
);
CREATE INDEX album_artist ON album (artist_id);
CREATE TABLE track (album_id INTEGER REFERENCES album, number INTEGER, title TEXT, PRIMARY KEY (album_id, number)) WITHOUT ROWID, STRICT;
CREATE TABLE odd (code TEXT, part BLOB, n INTEGER, PRIMARY KEY (code, part)) WITHOUT ROWID;
CREATE TABLE mixed (k, v);
CREATE TABLE "a/b" ("x y" TEXT, "]" TEXT, "limit" INTEGER);
CREATE VIEW v AS SELECT artist.name, count(*) AS albums FROM artist JOIN album ON album.artist_id = artist.id GROUP BY 1;
CREATE VIRTUAL TABLE album_fts USING fts5 (title, content = 'album', content_rowid = 'id');
CREATE TRIGGER artist_gone AFTER DELETE ON artist BEGIN DELETE FROM album WHERE artist_id = old.id; END;
INSERT INTO artist VALUES (1, 'AC/DC', '1973-11-01'), (2, 'Björk', 'soon'), (3, 'Nobody', NULL);
INSERT INTO album (id, artist_id, title, price, cover, stock, data) VALUES
	(1, 1, 'Back in Black', 9.99, x'89504e470d0a1a0a', 9007199254740993, '{"city":"Paris"}'),
	(2, 1, 'High''way', 8, NULL, -1, NULL),
	(3, 2, '@nasa don''t 50%', NULL, x'3c7363726970743e616c6572742831293c2f7363726970743e', 0, 'no json');
INSERT INTO album_fts (album_fts) VALUES ('rebuild');
INSERT INTO track VALUES (1, 1, 'Hells Bells'), (1, 2, 'Shoot'), (3, 1, NULL);
INSERT INTO odd VALUES ('a,b/%', x'00112233445566778899aabbccddeeff', 9007199254740993), ('', x'', NULL);
INSERT INTO mixed VALUES (1, 'i'), ('1', 't'), (NULL, ''), (x'01', 'NULL'), (1.5, 'None'), (NULL, NULL), (NULL, 'None');
INSERT INTO "a/b" VALUES ('<b>', 'quote"', 5);
