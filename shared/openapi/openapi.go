// Package openapi holds the description of the API, the one that is shown to its users.
//
// Tests hold it to the template (every route is described, and no other) and, through package contract, every handler
// to it. Nothing that is deployed imports it.
package openapi

import _ "embed"

// Document is openapi.yaml.
//
//go:embed openapi.yaml
var Document []byte

// BasePath stands before every path of the document.
const BasePath = "/api/v0.1"
