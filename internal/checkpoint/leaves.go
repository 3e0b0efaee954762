package checkpoint

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/mm-runtime/mm/kernels"
)

// leaf is a field to fill: one of weight and tensor is set, and it points to the
// field, which declares its shape.
type leaf struct {
	name   string // of the tensor in the file
	weight *kernels.Weight
	tensor *kernels.Tensor
}

// shape is what the file must hold: [Out In], or [Groups Out In] for a stack of
// matrices; [Cols] for one row, else [Rows Cols].
func (l leaf) shape() []int {
	switch {
	case l.weight != nil && l.weight.Groups == 1:
		return []int{l.weight.Out, l.weight.In}
	case l.weight != nil:
		return []int{l.weight.Groups, l.weight.Out, l.weight.In}
	case l.tensor.Rows == 1:
		return []int{l.tensor.Cols}
	}
	return []int{l.tensor.Rows, l.tensor.Cols}
}

var (
	weightType = reflect.TypeFor[kernels.Weight]()
	tensorType = reflect.TypeFor[kernels.Tensor]()
)

// findLeaves lists the fields below root, a pointer to a struct, in order.
func findLeaves(root any) ([]leaf, error) {
	v := reflect.ValueOf(root)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("bind: %T, want a pointer to a struct", root)
	}
	var found []leaf
	err := visit(v.Elem(), "", &found)
	return found, err
}

// visit walks v, whose tensors' names start with name.
func visit(v reflect.Value, name string, found *[]leaf) error {
	switch {
	case v.Type() == weightType:
		*found = append(*found, leaf{name: name, weight: v.Addr().Interface().(*kernels.Weight)})
		return nil
	case v.Type() == tensorType:
		*found = append(*found, leaf{name: name, tensor: v.Addr().Interface().(*kernels.Tensor)})
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() { // a part that this model does not have
			return nil
		}
		return visit(v.Elem(), name, found)
	case reflect.Slice:
		for i := range v.Len() {
			if err := visit(v.Index(i), join(name, strconv.Itoa(i)), found); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map:
		return visitMap(v, name, found)
	case reflect.Struct:
		return visitFields(v, name, found)
	}
	return fmt.Errorf("bind: %s is a %v, want a kernels.Weight, a kernels.Tensor, or structs, slices and maps of them", name, v.Type())
}

// visitMap walks a map of pointers in the order of its keys; other values could not
// be filled.
func visitMap(v reflect.Value, name string, found *[]leaf) error {
	if v.Type().Key().Kind() != reflect.String || v.Type().Elem().Kind() != reflect.Pointer {
		return fmt.Errorf("bind: %s is a %v, want a map of strings to pointers", name, v.Type())
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		if err := visit(v.MapIndex(key), join(name, key.String()), found); err != nil {
			return err
		}
	}
	return nil
}

// visitFields walks the fields with an mm tag, and embedded structs.
func visitFields(v reflect.Value, name string, found *[]leaf) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		tag, tagged := field.Tag.Lookup("mm")
		switch {
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			// Its exported fields can be set even where its type is not exported.
		case !tagged:
			continue
		case !field.IsExported():
			return fmt.Errorf("bind: %v.%s has a tag but is not exported", v.Type(), field.Name)
		}
		if err := visit(v.Field(i), join(name, tag), found); err != nil {
			return err
		}
	}
	return nil
}

// join puts a dot between two parts of a name; either may be empty.
func join(prefix, name string) string {
	if prefix == "" || name == "" {
		return prefix + name
	}
	return prefix + "." + name
}
