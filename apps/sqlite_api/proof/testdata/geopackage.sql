PRAGMA application_id = 1196444487;
PRAGMA user_version = 10300;
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name), CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
CREATE TABLE gpkg_ogr_contents (table_name TEXT NOT NULL PRIMARY KEY, feature_count INTEGER DEFAULT NULL);
CREATE TABLE "städte & orte" (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POINT, "name" TEXT, seen DATE, height REAL, open BOOLEAN);
CREATE VIRTUAL TABLE "rtree_städte & orte_geom" USING rtree(id, minx, maxx, miny, maxy);
INSERT INTO gpkg_spatial_ref_sys VALUES ('WGS 84', 4326, 'EPSG', 4326, 'GEOGCS["WGS 84"]', NULL), ('Undefined', -1, 'NONE', -1, 'undefined', '');
INSERT INTO gpkg_contents (table_name, data_type, identifier, min_x, srs_id) VALUES ('städte & orte', 'features', 'a/b', -180, 4326);
INSERT INTO gpkg_geometry_columns VALUES ('städte & orte', 'geom', 'POINT', 4326, 0, 0);
INSERT INTO gpkg_extensions VALUES ('städte & orte', 'geom', 'gpkg_rtree_index', 'http://www.geopackage.org/spec120/', 'write-only'), (NULL, NULL, 'gpkg_crs_wkt', 'x', 'read-write');
INSERT INTO gpkg_ogr_contents VALUES ('städte & orte', 120);
CREATE TRIGGER "rtree_städte & orte_geom_insert" AFTER INSERT ON "städte & orte" WHEN (new.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom))
  BEGIN INSERT OR REPLACE INTO "rtree_städte & orte_geom" VALUES (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER "rtree_städte & orte_geom_delete" AFTER DELETE ON "städte & orte" WHEN old.geom NOT NULL BEGIN DELETE FROM "rtree_städte & orte_geom" WHERE id = OLD.fid; END;
