PRAGMA journal_mode = WAL;
CREATE TABLE meta (key LONGVARCHAR NOT NULL UNIQUE PRIMARY KEY, value LONGVARCHAR);
CREATE TABLE urls (id INTEGER PRIMARY KEY AUTOINCREMENT, url LONGVARCHAR, title LONGVARCHAR, visit_count INTEGER DEFAULT 0 NOT NULL, last_visit_time INTEGER NOT NULL, hidden INTEGER DEFAULT 0 NOT NULL, frecency REAL);
CREATE TABLE visits (id INTEGER PRIMARY KEY AUTOINCREMENT, url INTEGER NOT NULL REFERENCES urls (id), visit_time INTEGER NOT NULL, from_visit INTEGER REFERENCES visits (id), visited DATETIME, transition INTEGER DEFAULT 0 NOT NULL);
CREATE TABLE keyword_search_terms (keyword_id INTEGER NOT NULL, url_id INTEGER NOT NULL, term LONGVARCHAR NOT NULL, normalized_term LONGVARCHAR NOT NULL);
CREATE INDEX urls_url_index ON urls (url);
CREATE INDEX visits_url_index ON visits (url);
INSERT INTO meta VALUES ('version', '42'), ('mmap_status', -1), ('', '');
INSERT INTO urls WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90) SELECT i,
  CASE i WHEN 7 THEN 'data:text/html,' || hex(zeroblob(700000)) WHEN 8 THEN 'https://example.com/?q=' || hex(zeroblob(100000)) WHEN 9 THEN 'javascript:alert(1)' ELSE 'https://example.com/a%20b?i=' || i || '#x' END,
  CASE i % 3 WHEN 0 THEN '' WHEN 1 THEN 'Titel ' || i ELSE NULL END, i % 9, 13370000000000000 + i * 1000003, i % 2, CASE i % 4 WHEN 0 THEN -1 WHEN 1 THEN 1e300 ELSE i / 3.0 END FROM n;
INSERT INTO visits WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 260) SELECT i, 1 + i % 90, 13370000000000000 + i, CASE WHEN i % 3 = 0 THEN i - 1 END,
  CASE i % 5 WHEN 0 THEN '2026-01-02 03:04:05.123456' WHEN 1 THEN 'soon' WHEN 2 THEN 9007199254740993 + i WHEN 3 THEN NULL ELSE '2026-13-45' END, 805306368 + i % 8 FROM n;
INSERT INTO keyword_search_terms SELECT 2, id, 'Term ' || id % 4, 'term' FROM urls WHERE id % 3 = 0;
