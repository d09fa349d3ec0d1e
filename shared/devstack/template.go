package devstack

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

const (
	functionSuffix = "Function"
	functionType   = "AWS::Serverless::Function"
)

// LogicalID is the template's name of the function in a folder: start-kyc is StartKycFunction.
func LogicalID(folder string) string {
	var id strings.Builder
	for word := range strings.SplitSeq(folder, "-") {
		if word != "" {
			id.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return id.String() + functionSuffix
}

// Folder is the folder of a function's code: StartKycFunction is in start-kyc.
func Folder(logicalID string) string {
	var folder strings.Builder
	for i, r := range strings.TrimSuffix(logicalID, functionSuffix) {
		if unicode.IsUpper(r) && i > 0 {
			folder.WriteByte('-')
		}
		folder.WriteRune(unicode.ToLower(r))
	}
	return folder.String()
}

// withCode returns the template with each function's CodeUri set to what uri says, and the functions' logical ids in
// the template's order. It edits the document's nodes and not its values: decoding would lose the intrinsic functions'
// short forms (!Ref, !Sub), which are YAML tags.
func withCode(template string, uri func(logicalID string) string) (string, []string, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(template), &document); err != nil {
		return "", nil, fmt.Errorf("read the template: %w", err)
	}
	if len(document.Content) == 0 {
		return "", nil, errors.New("read the template: it is empty")
	}
	var functions []string
	resources := value(document.Content[0], "Resources")
	for name, resource := range pairs(resources) {
		if kind := value(resource, "Type"); kind == nil || kind.Value != functionType {
			continue
		}
		properties := value(resource, "Properties")
		if properties == nil || properties.Kind != yaml.MappingNode {
			return "", nil, fmt.Errorf("read the template: %s has no properties", name)
		}
		set(properties, "CodeUri", uri(name))
		functions = append(functions, name)
	}
	if len(functions) == 0 {
		return "", nil, errors.New("read the template: it has no functions")
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(&document), encoder.Close()); err != nil {
		return "", nil, fmt.Errorf("write the template: %w", err)
	}
	return text.String(), functions, nil
}

// pairs yields a mapping's keys and values; nothing for nil and for other nodes.
func pairs(mapping *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		if mapping == nil || mapping.Kind != yaml.MappingNode {
			return
		}
		for pair := range slices.Chunk(mapping.Content, 2) {
			if !yield(pair[0].Value, pair[1]) {
				return
			}
		}
	}
}

// value returns a mapping's value of key, or nil.
func value(mapping *yaml.Node, key string) *yaml.Node {
	for name, node := range pairs(mapping) {
		if name == key {
			return node
		}
	}
	return nil
}

// set gives a mapping's key a string, replacing what it has.
func set(mapping *yaml.Node, key, text string) {
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if old := value(mapping, key); old != nil {
		*old = node
		return
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, &node)
}
