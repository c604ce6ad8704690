package fleet_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dipper/fleet"
)

// A kind of documents that is not listed would be missing in every backup.
func TestEveryDocumentKindIsListed(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	listed := fleet.DocumentKinds()
	found := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Doc") {
				return true
			}
			value, ok := spec.Values[0].(*ast.BasicLit)
			if !ok {
				return true
			}
			kind, err := strconv.Unquote(value.Value)
			found++
			if err != nil || !slices.Contains(listed, kind) {
				t.Errorf("%s: %s is not among DocumentKinds() = %v", name, spec.Names[0].Name, listed)
			}
			return true
		})
	}
	if found != len(listed) {
		t.Errorf("%d kinds are declared, %d listed", found, len(listed))
	}
}
