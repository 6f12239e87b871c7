// Command floor is what sqlite_api is compared with: the same driver under
// database/sql and net/http, with queries written by hand for one table.
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"

	_ "modernc.org/sqlite"
)

type item struct {
	ID    int64   `json:"id"`
	Name  string  `json:"name"`
	Price float64 `json:"price"`
	Stock int64   `json:"stock"`
	At    string  `json:"at"`
}

func main() {
	mode := "?mode=ro"
	if len(os.Args) > 2 { // write
		mode = "?mode=rw&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open("sqlite", "file:"+url.PathEscape(os.Args[1])+mode)
	if err != nil {
		log.Fatal(err)
	}
	one, err := db.Prepare("SELECT id, name, price, stock, at FROM item WHERE id = ?")
	if err != nil {
		log.Fatal(err)
	}
	some, err := db.Prepare("SELECT id, name, price, stock, at FROM item WHERE stock >= ? ORDER BY id LIMIT 100")
	if err != nil {
		log.Fatal(err)
	}
	serve := func(w http.ResponseWriter, r *http.Request, stmt *sql.Stmt, parameter string) {
		rows, err := stmt.QueryContext(r.Context(), parameter)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		var found []item
		for rows.Next() {
			var i item
			if err := rows.Scan(&i.ID, &i.Name, &i.Price, &i.Stock, &i.At); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			found = append(found, i)
		}
		if err := rows.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(found) // the client is gone
	}
	http.HandleFunc("GET /row/{id}", func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, one, r.PathValue("id"))
	})
	http.HandleFunc("GET /rows/{stock}", func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, some, r.PathValue("stock"))
	})
	http.HandleFunc("POST /rows", func(w http.ResponseWriter, r *http.Request) {
		if err := insert(db, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("floor listens on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}

// insert inserts a list of items in one transaction.
func insert(db *sql.DB, r *http.Request) error {
	var items []item
	if err := json.NewDecoder(r.Body).Decode(&items); err != nil {
		return err
	}
	tx, err := db.BeginTx(r.Context(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	stmt, err := tx.Prepare("INSERT INTO item (name, price, stock, at) VALUES (?, ?, ?, ?)")
	if err != nil {
		return err
	}
	defer stmt.Close()
	for _, i := range items {
		if _, err := stmt.Exec(i.Name, i.Price, i.Stock, i.At); err != nil {
			return err
		}
	}
	return tx.Commit()
}
