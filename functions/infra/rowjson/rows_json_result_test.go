package rowjson_test

import (
	"encoding/json"
	"testing"

	"fnregistry.dev/functions/infra/rowjson"
)

func TestRowsJSONResult_Keys(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(rowjson.RowsJSONResult{Columns: []rowjson.RowsJSONColumn{{Name: "n", Type: "INT"}}, Rows: 1, Bytes: 10, Truncated: true})
	if want := `{"columns":[{"name":"n","type":"INT"}],"rows":1,"bytes":10,"truncated":true}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}
