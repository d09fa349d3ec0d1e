// Package openapi holds the description of the API, the one that is shown to its users.
//
// Tests hold it to the template (every route is described, and no other) and, through package contract, every handler
// to it.
package openapi

import (
	_ "embed"
	"encoding/json"

	"go.yaml.in/yaml/v3"
)

// Document is openapi.yaml.
//
//go:embed openapi.yaml
var Document []byte

// BasePath stands before every path of the document.
const BasePath = "/api/v0.1"

// JSON translates a document from YAML. Members are in the order of the alphabet.
func JSON(document []byte) ([]byte, error) {
	var tree any
	if err := yaml.Unmarshal(document, &tree); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}
