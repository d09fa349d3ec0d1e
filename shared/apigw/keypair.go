package apigw

import (
	"slices"
	"strings"
	"time"

	"kyc/shared/clock"
	"kyc/shared/kyc"
)

// AuthorizerContext is what the authorizer hands on of a key pair. The gateway remembers it for all routes alike, so that
// each function decides by it for itself. API Gateway takes texts only.
func AuthorizerContext(k kyc.APIKey) map[string]any {
	permissions := make([]string, 0, len(k.Permissions))
	for _, p := range k.Permissions {
		permissions = append(permissions, string(p))
	}
	handedOn := map[string]any{"brand_id": k.BrandID, "identity": k.Identity, "permissions": strings.Join(permissions, " ")}
	if !k.ExpiresAt.IsZero() {
		handedOn["expires_at"] = kyc.FormatTime(k.ExpiresAt)
	}
	if k.CustomerID != "" {
		handedOn["customer_id"] = k.CustomerID
	}
	return handedOn
}

// keyPair is what a function knows of the key pair of a request.
type keyPair struct {
	permissions []string
	expires     bool
	expiresAt   time.Time
	bound       bool // to one customer
	customerID  string
}

// fromContext is the inverse of AuthorizerContext. What is missing or malformed allows nothing.
func fromContext(authorizer map[string]any) keyPair {
	permissions, _ := authorizer["permissions"].(string)
	k := keyPair{permissions: strings.Fields(permissions)}
	_, k.expires = authorizer["expires_at"]
	expiresAt, _ := authorizer["expires_at"].(string)
	k.expiresAt, _ = kyc.ParseTime(expiresAt)
	_, k.bound = authorizer["customer_id"]
	k.customerID, _ = authorizer["customer_id"].(string)
	return k
}

// allows refuses a request that the key pair may not make: one about another customer, about none, or for its brand alone,
// where the pair is for one customer alone. It is asked before anything of the request is read. An expired pair is refused although the
// gateway still remembers that it was right.
func (k keyPair) allows(route Route, customerID string) error {
	if k.expires && !clock.Now().Before(k.expiresAt) {
		return forbidden("This key pair has expired. Ask your operator for another one.")
	}
	if k.bound && (customerID == "" || strings.ToLower(customerID) != k.customerID) {
		return forbidden("This key pair is for one customer alone, and this is not about that customer.")
	}
	if k.bound && route.BrandsOwn {
		return forbidden("This key pair is for one customer alone, and such a pair may not do that. Use a key pair of your brand.")
	}
	if !k.may(route.Needs) {
		return forbidden("This key pair may not do that: it lacks the permission " + string(route.Needs) + ". Ask your operator for one that has it.")
	}
	return nil
}

func (k keyPair) may(p kyc.Permission) bool { return slices.Contains(k.permissions, string(p)) }

func forbidden(why string) error {
	return &kyc.Error{Kind: kyc.Forbidden, Code: "auth_err", Message: why}
}

// KeyPairBody is a key pair as answers show it, its halves named as the headers that carry them.
type KeyPairBody struct {
	Identity      string           `json:"Identity"`
	Authorization string           `json:"Authorization,omitempty"` // at creation only
	BrandID       string           `json:"brand_id"`
	CustomerID    string           `json:"customer_id,omitempty"` // the only one that it is for
	Name          string           `json:"name"`
	Permissions   []kyc.Permission `json:"permissions"`
	DateCreated   string           `json:"date_created"`
	ExpiresAt     string           `json:"expires_at,omitempty"`
	DateRevoked   string           `json:"date_revoked,omitempty"`
	LastUsedOn    string           `json:"last_used_on,omitempty"` // a day in UTC
}

// KeyPair shows a key pair without its secret half.
func KeyPair(k kyc.APIKey) KeyPairBody {
	b := KeyPairBody{
		Identity: k.Identity, BrandID: k.BrandID, CustomerID: k.CustomerID, Name: k.Name, Permissions: k.Permissions,
		DateCreated: kyc.FormatTime(k.CreatedAt), LastUsedOn: k.LastUsedOn,
	}
	if !k.ExpiresAt.IsZero() {
		b.ExpiresAt = kyc.FormatTime(k.ExpiresAt)
	}
	if !k.RevokedAt.IsZero() {
		b.DateRevoked = kyc.FormatTime(k.RevokedAt)
	}
	return b
}
