package httpapi

import "reflect"

// BadTags panics where the tags of a struct can't work.
func BadTags(in reflect.Type) {
	e := HTTPAPIEndpoint{Name: "test", Method: "GET"}
	e.make(reflect.PointerTo(in))
}
