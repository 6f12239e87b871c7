package program

import (
	"reflect"
	"strings"
)

// newSettings returns a pointer to a copy of the struct that defaults points
// to; for a nil pointer, to a zero struct.
func newSettings(defaults reflect.Value) reflect.Value {
	settings := reflect.New(defaults.Type().Elem())
	if !defaults.IsNil() {
		settings.Elem().Set(defaults.Elem())
		unshare(settings.Elem())
	}
	setLogDefaults(settings.Interface())
	return settings
}

// unshare gives a settings struct maps, slices and pointers of its own, so that
// neither reading a file nor the program changes the defaults through them.
// Fields that no file and no flag can set stay shared: they may hold a logger
// or a client.
func unshare(config reflect.Value) {
	for i := range config.NumField() {
		f := config.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if v := config.Field(i); v.CanSet() && (name != "-" || f.Tag.Get("flag") != "") {
			v.Set(clone(v))
		} else if f.Anonymous && v.Kind() == reflect.Struct && name != "-" {
			unshare(v) // an unexported embedded type, whose exported fields count
		}
	}
}

// clone returns a deep copy of a value.
func clone(v reflect.Value) reflect.Value {
	if k := v.Kind(); (k == reflect.Map || k == reflect.Slice || k == reflect.Pointer || k == reflect.Interface) && v.IsNil() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch v.Kind() {
	case reflect.Struct:
		unshare(c)
	case reflect.Array:
		for i := range c.Len() {
			c.Index(i).Set(clone(v.Index(i)))
		}
	case reflect.Slice:
		c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range c.Len() {
			c.Index(i).Set(clone(v.Index(i)))
		}
	case reflect.Map:
		c.Set(reflect.MakeMap(v.Type()))
		for key, value := range v.Seq2() {
			c.SetMapIndex(key, clone(value))
		}
	case reflect.Pointer:
		c.Set(reflect.New(v.Type().Elem()))
		c.Elem().Set(clone(v.Elem()))
	case reflect.Interface:
		c.Set(clone(v.Elem()))
	}
	return c
}
