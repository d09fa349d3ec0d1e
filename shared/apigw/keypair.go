package apigw

import (
	"slices"
	"strings"

	"kyc/shared/kyc"
)

// AuthorizerContext is what the authorizer hands on of a key pair. The gateway remembers it for all routes alike, so that
// each function decides by it for itself. API Gateway takes texts only.
func AuthorizerContext(k kyc.APIKey) map[string]any {
	permissions := make([]string, 0, len(k.Permissions))
	for _, p := range k.Permissions {
		permissions = append(permissions, string(p))
	}
	return map[string]any{"brand_id": k.BrandID, "identity": k.Identity, "permissions": strings.Join(permissions, " ")}
}

// keyPair is what a function knows of the key pair of a request.
type keyPair struct {
	permissions []string
}

// fromContext is the inverse of AuthorizerContext. What is missing or malformed allows nothing.
func fromContext(authorizer map[string]any) keyPair {
	permissions, _ := authorizer["permissions"].(string)
	return keyPair{permissions: strings.Fields(permissions)}
}

// allows refuses a request that the key pair may not make. It is asked before anything of the request is read.
func (k keyPair) allows(needed kyc.Permission) error {
	if !slices.Contains(k.permissions, string(needed)) {
		return forbidden("This key pair may not do that: it lacks the permission " + string(needed) + ". Ask your operator for one that has it.")
	}
	return nil
}

func forbidden(why string) error {
	return &kyc.Error{Kind: kyc.Forbidden, Code: "auth_err", Message: why}
}
