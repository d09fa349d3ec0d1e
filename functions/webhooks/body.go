package main

import (
	"cmp"
	"time"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/notification"
)

type subscriptionBody struct {
	ID              string    `json:"id"`
	URL             string    `json:"url"`
	Events          []string  `json:"events"`
	Description     string    `json:"description"`
	Version         string    `json:"version"`
	Secret          string    `json:"secret,omitempty"` // at creation and rotation only
	Status          string    `json:"status"`
	DisabledCause   *string   `json:"disabled_cause"`
	DisabledTime    *string   `json:"disabled_time"`
	Headers         []string  `json:"headers"` // their names
	TimeoutSeconds  int       `json:"timeout_seconds"`
	RetryPlan       []int     `json:"retry_plan"`
	StrictOrder     bool      `json:"strict_order"`
	SignatureScheme string    `json:"signature_scheme"`
	SigningKeys     []keyBody `json:"signing_keys"`
	CreatedTime     string    `json:"created_time"`
	UpdatedTime     string    `json:"updated_time"`
}

// keyBody is a signing key without what it signs with.
type keyBody struct {
	SignatureScheme string  `json:"signature_scheme"`
	PublicKey       *string `json:"public_key"`
	CreatedTime     string  `json:"created_time"`
	EndTime         *string `json:"end_time"`
}

func subscription(sub kyc.Subscription) subscriptionBody {
	b := subscriptionBody{
		ID: sub.ID, URL: sub.URL, Description: sub.Description, Version: kyc.EventVersion, Status: sub.Status, Events: []string{},
		DisabledCause: optional(sub.DisabledCause), DisabledTime: optionalTime(sub.DisabledAt),
		Headers: append([]string{}, sub.Headers...), TimeoutSeconds: int(cmp.Or(sub.Timeout, kyc.PostTimeout).Seconds()), RetryPlan: []int{}, StrictOrder: sub.StrictOrder,
		SignatureScheme: string(sub.Keys[0].Scheme), CreatedTime: kyc.FormatTime(sub.CreatedAt), UpdatedTime: kyc.FormatTime(sub.UpdatedAt),
	}
	for _, name := range sub.Events {
		b.Events = append(b.Events, string(name))
	}
	for _, wait := range sub.RetryPlan {
		b.RetryPlan = append(b.RetryPlan, int(wait.Seconds()))
	}
	for _, k := range sub.Keys {
		b.SigningKeys = append(b.SigningKeys, keyBody{string(k.Scheme), optional(k.PublicKey), kyc.FormatTime(k.CreatedAt), optionalTime(k.Until)})
	}
	return b
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func optionalTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(kyc.FormatTime(t))
}

// input reads the body of a create or an update.
func input(r *apigw.Request) (notification.Input, error) {
	o, err := r.Object("webhooks_err")
	if err != nil {
		return notification.Input{}, err
	}
	text := func(name string) *string {
		if s, sent := o.String(name); sent {
			return &s
		}
		return nil
	}
	in := notification.Input{
		Events: o.Strings("events"), Description: text("description"), Version: text("version"), Status: text("status"), Headers: o.Texts("headers"),
		Timeout: o.Int("timeout_seconds"), RetryPlan: o.Ints("retry_plan"), StrictOrder: o.Flag("strict_order"), Scheme: text("signature_scheme"),
	}
	for _, name := range []string{"callback_url", "url"} { // the first is its name in v0 of the API
		if url, sent := o.String(name); sent {
			in.URL, in.URLMember = url, name
		}
	}
	o.Rest()
	in.Wrong = o.Wrong()
	return in, nil
}

// rotation reads the body of a rotation.
func rotation(r *apigw.Request) (notification.Rotation, error) {
	o, err := r.Object("webhooks_err")
	if err != nil {
		return notification.Rotation{}, err
	}
	in := notification.Rotation{Overlap: o.Int("overlap_seconds")}
	if scheme, sent := o.String("signature_scheme"); sent {
		in.Scheme = &scheme
	}
	o.Rest()
	in.Wrong = o.Wrong()
	return in, nil
}
