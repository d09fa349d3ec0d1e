package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/platform"
	"kyc/shared/telemetry"
)

type handlerFunc = func(context.Context, request) (any, error)

// request names an action and what it needs.
type request struct {
	Action     string
	BrandID    string
	ProgramID  string
	CustomerID string
	Identity   string
	Name       string
	Bank       string
	Policy     kyc.PolicyChange
	Attempts   *int
	Key        platform.NewKey
	Actor      string
	Audit      platform.AuditQuery
	Cursor     *string
	refusal    error // what was found wrong in reading it
}

// UnmarshalJSON reads a request as strictly as the API's bodies are read: a policy with a misspelt member would ask for
// less than was meant. What is wrong is kept, to be answered in the API's form.
func (r *request) UnmarshalJSON(raw []byte) error {
	o, err := apigw.ParseObject(raw, "input_error")
	if err != nil {
		r.refusal = err
		return nil
	}
	for name, member := range map[string]*string{
		"action": &r.Action, "brand_id": &r.BrandID, "program_id": &r.ProgramID, "customer_id": &r.CustomerID, "identity": &r.Identity, "name": &r.Name, "bank": &r.Bank,
	} {
		*member, _ = o.String(name)
	}
	if policy := o.Object("policy"); policy != nil {
		if names := policy.Strings("required"); names != nil {
			r.Policy.Required = []kyc.Field{}
			for _, name := range names {
				r.Policy.Required = append(r.Policy.Required, kyc.Field(name))
			}
		}
		r.Policy.MinimumAge, r.Policy.MaxAttempts = policy.Int("minimum_age"), policy.Int("max_attempts")
		r.Policy.MinInterval, r.Policy.DocumentDeadline = policy.Int("min_interval_seconds"), policy.Int("document_deadline_days")
		if documents, ok := policy.String("documents"); ok {
			r.Policy.Documents = (*kyc.DocumentPolicy)(&documents)
		}
		if duplicates, ok := policy.String("duplicates"); ok {
			r.Policy.Duplicates = (*kyc.Duplicates)(&duplicates)
		}
		r.Policy.BrandName, r.Policy.BrandColor = text(policy, "brand_name"), text(policy, "brand_color")
		if names := policy.Strings("checks"); names != nil {
			r.Policy.Checks = []kyc.Check{}
			for _, name := range names {
				r.Policy.Checks = append(r.Policy.Checks, kyc.Check(name))
			}
		}
		policy.Rest()
	}
	r.Attempts = o.Int("attempts")
	r.Key = platform.NewKey{Permissions: o.Strings("permissions"), ExpiresAt: text(o, "expires_at"), ExpiresInDays: o.Int("expires_in_days")}
	if actor, said := o.String("actor"); said && !platform.ValidActor(actor) {
		o.Wrong()["actor"] = []string{"Must be 1 to 128 visible characters: who or what asks."}
	} else {
		r.Actor = actor
	}
	r.Cursor = text(o, "cursor")
	r.Audit = platform.AuditQuery{Month: text(o, "month"), Limit: o.Int("limit"), Cursor: r.Cursor}
	if o.Rest(); len(o.Wrong()) > 0 {
		r.refusal = &kyc.Error{Kind: kyc.Invalid, Code: "input_error", Fields: o.Wrong()}
	}
	return nil
}

// text reads a member that must be a string where it is there, and returns nil where it is not.
func text(o *apigw.Object, name string) *string {
	s, ok := o.String(name)
	if !ok {
		return nil
	}
	return &s
}

// handler answers an action, or refuses it in the API's form of errors: a function error is for failures of ours.
func handler(log *slog.Logger, s *platform.Service) handlerFunc {
	return func(ctx context.Context, r request) (any, error) {
		start := clock.Now()
		action, known := actions[r.Action]
		if !known {
			action, r.Action = unknown, "unknown"
		}
		operation := s.Begin(platform.Asked{
			Action: r.Action, BrandID: r.BrandID, ProgramID: r.ProgramID, CustomerID: r.CustomerID, Identity: r.Identity,
			RequestID: telemetry.RequestID(ctx), Actor: r.Actor,
		})
		var answer any
		err := r.refusal
		if err == nil {
			answer, err = action(ctx, operation, r)
		}
		err = operation.End(ctx, err)
		refusal, refused := errors.AsType[*kyc.Error](err)
		attrs := []slog.Attr{slog.String("action", r.Action)}
		if refused {
			answer, err = apigw.Refusal(ctx, refusal, refusal.Code), refusal.Err
			attrs = append(attrs, slog.String("code", refusal.Code))
		}
		telemetry.Done(ctx, log, "admin", clock.Now().Sub(start), err, attrs...)
		if err != nil && !refused {
			return nil, errFailed
		}
		return answer, nil
	}
}

// errFailed is all that an invoker learns of a failure of ours; the log line of the invocation has the cause.
var errFailed = errors.New("the action failed on our side; the function's log has the cause")

type action func(context.Context, *platform.Operation, request) (any, error)

func unknown(context.Context, *platform.Operation, request) (any, error) {
	names := strings.Join(slices.Sorted(maps.Keys(actions)), ", ")
	return nil, &kyc.Error{Kind: kyc.Invalid, Code: "input_error", Fields: map[string][]string{"action": {"Must be one of " + names + "."}}}
}

// actions are all that an operator can ask for.
var actions = map[string]action{
	"create_brand": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		b, err := o.CreateBrand(ctx, r.Name)
		return brand(b), err
	},
	"create_program": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		p, err := o.CreateProgram(ctx, r.BrandID, r.Name, r.Bank, r.Policy)
		return program(p), err
	},
	"update_policy": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		p, err := o.UpdatePolicy(ctx, r.BrandID, r.ProgramID, r.Policy)
		return program(p), err
	},
	"create_key": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		r.Key.BrandID, r.Key.Name = r.BrandID, r.Name
		k, secret, err := o.CreateKey(ctx, r.Key)
		body := apigw.KeyPair(k)
		body.Authorization = secret.Reveal()
		return body, err
	},
	"list_brands": func(ctx context.Context, o *platform.Operation, _ request) (any, error) {
		all, err := o.ListBrands(ctx)
		return map[string]any{"brands": each(all, brand)}, err
	},
	"list_programs": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		all, err := o.ListPrograms(ctx, r.BrandID)
		return map[string]any{"programs": each(all, program)}, err
	},
	"list_keys": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		all, err := o.ListKeys(ctx, r.BrandID)
		return map[string]any{"keys": each(all, apigw.KeyPair)}, err
	},
	"revoke_key": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		refused, err := o.RevokeKey(ctx, r.BrandID, r.Identity)
		return map[string]any{"identity": r.Identity, "revoked": true, "refused_from": kyc.FormatTime(refused)}, err
	},
	"list_retry_requests": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		requests, more, err := o.ListRetryRequests(ctx, r.BrandID)
		return map[string]any{"retry_requests": each(requests, retryRequest), "more": more}, err
	},
	"grant_attempts": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		attempts := 1
		if r.Attempts != nil {
			attempts = *r.Attempts
		}
		g, err := o.GrantAttempts(ctx, r.BrandID, r.CustomerID, r.ProgramID, attempts)
		return grantedBody{g.BrandID, g.CustomerID, g.ProgramID, g.Used, g.Available}, err
	},
	"rotate_stack_secret": func(ctx context.Context, o *platform.Operation, _ request) (any, error) {
		r, err := o.RotateStackSecret(ctx)
		return rotated(r), err
	},
	"continue_rotation": func(ctx context.Context, o *platform.Operation, _ request) (any, error) {
		r, err := o.ContinueRotation(ctx)
		return rotated(r), err
	},
	"rotate_brand_key": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		keys, err := o.RotateBrandKey(ctx, r.BrandID)
		return brandKeys(keys), err
	},
	"rewrap_data_keys": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		done, err := o.RewrapDataKeys(ctx, r.BrandID, r.Cursor)
		return rewrapBody{brandKeys(done.BrandKeys), done.Customers, done.DataKeys, err == nil && done.Cursor == "", done.Cursor}, err
	},
	"destroy_brand_keys": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		keys, err := o.DestroyBrandKeys(ctx, r.BrandID)
		return brandKeys(keys), err
	},
	"list_audit": func(ctx context.Context, o *platform.Operation, r request) (any, error) {
		r.Audit.BrandID = r.BrandID
		page, err := o.ListAudit(ctx, r.Audit)
		return auditBody{each(page.Records, record), page.Next}, err
	},
}

type brandBody struct {
	BrandID     string `json:"brand_id"`
	Name        string `json:"name"`
	DateCreated string `json:"date_created"`
}

func brand(b kyc.Brand) brandBody { return brandBody{b.ID, b.Name, kyc.FormatTime(b.CreatedAt)} }

type programBody struct {
	ProgramID     string     `json:"program_id"`
	BrandID       string     `json:"brand_id"`
	Name          string     `json:"name"`
	Bank          string     `json:"bank"`
	PolicyVersion int        `json:"policy_version"`
	Policy        policyBody `json:"policy"`
	DateCreated   string     `json:"date_created"`
}

type policyBody struct {
	Required    []kyc.Field `json:"required"`
	MinimumAge  int         `json:"minimum_age"`
	MaxAttempts int         `json:"max_attempts"`
	MinInterval int         `json:"min_interval_seconds"`
	Duplicates  string      `json:"duplicates"`
	Checks      []kyc.Check `json:"checks"`

	DocumentDeadline int    `json:"document_deadline_days"`
	Documents        string `json:"documents"`
	BrandName        string `json:"brand_name,omitempty"`
	BrandColor       string `json:"brand_color,omitempty"`
}

func program(p kyc.Program) programBody {
	policy := p.Policy()
	return programBody{p.ID, p.BrandID, p.Name, p.Bank, p.PolicyVersion,
		policyBody{policy.Required, policy.MinimumAge, policy.MaxAttempts, int(policy.MinInterval / time.Second), string(policy.Duplicates), policy.Checks,
			int(policy.DocumentDeadline / (24 * time.Hour)), string(policy.Documents), policy.BrandName, policy.BrandColor}, kyc.FormatTime(p.CreatedAt)}
}

type retryRequestBody struct {
	CustomerID  string `json:"customer_id"`
	ProgramID   string `json:"program_id"`
	RequestedAt string `json:"retry_requested_at"`
	RequestedBy string `json:"Identity"`
}

func retryRequest(r kyc.RetryRequest) retryRequestBody {
	return retryRequestBody{r.CustomerID, r.ProgramID, kyc.FormatTime(r.RequestedAt), r.RequestedBy}
}

// grantedBody is how a customer stands in a program after a grant.
type grantedBody struct {
	BrandID    string `json:"brand_id"`
	CustomerID string `json:"customer_id"`
	ProgramID  string `json:"program_id"`
	Used       int    `json:"attempts_used"` // below zero where more is available than the policy allows
	Available  int    `json:"kyc_requests_available"`
}

// sweepTime is how long continue_rotation sweeps customers before it answers: half of what the function has.
const sweepTime = 30 * time.Second

// rotatedBody is how far the rotation of the stack's secret has come.
type rotatedBody struct {
	Version   int    `json:"version"` // of the secret that is replaced or, when it is done, of the one that is there
	Done      bool   `json:"done"`
	Phase     string `json:"phase,omitempty"`
	Since     string `json:"since,omitempty"`
	NotBefore string `json:"not_before,omitempty"` // the next step
	Customers *int   `json:"customers_swept,omitempty"`

	Unreadable []string `json:"customers_unreadable,omitempty"` // passed over by this call
}

func rotated(r platform.Rotated) rotatedBody {
	body := rotatedBody{Version: r.Secret.Version, Done: r.Over, Unreadable: r.Unreadable}
	if !r.Over {
		body.Phase, body.Since, body.NotBefore = string(r.Secret.Phase), kyc.FormatTime(r.Secret.Since), kyc.FormatTime(r.Secret.Due())
	}
	if r.Secret.Phase == kyc.RotationSpreading || r.Secret.Phase == kyc.RotationClearing {
		body.Customers = &r.Secret.Swept
	}
	return body
}

func each[T, B any](all []T, body func(T) B) []B {
	bodies := make([]B, 0, len(all))
	for _, t := range all {
		bodies = append(bodies, body(t))
	}
	return bodies
}

// brandKeysBody is how a brand's keys stand.
type brandKeysBody struct {
	BrandID     string `json:"brand_id"`
	KeyVersion  int    `json:"key_version"`  // the newest
	KeyVersions []int  `json:"key_versions"` // all that there are
	RotatedAt   string `json:"rotated_at,omitempty"`
	RestUntil   string `json:"rest_until,omitempty"` // a pass that began before it proves nothing
	Destroyable bool   `json:"destroyable"`          // whether the old versions can be destroyed now
}

func brandKeys(k kyc.BrandKeys) brandKeysBody {
	body := brandKeysBody{BrandID: k.BrandID, KeyVersion: k.Newest, KeyVersions: k.Versions}
	if !k.RotatedAt.IsZero() {
		body.RotatedAt = kyc.FormatTime(k.RotatedAt)
	}
	if len(k.Versions) > 1 {
		body.RestUntil, body.Destroyable = kyc.FormatTime(k.RestUntil()), k.Destroyable()
	}
	return body
}

// rewrapBody is how far a pass over a brand's data keys has come.
type rewrapBody struct {
	brandKeysBody
	Customers int    `json:"customers_seen"`
	DataKeys  int    `json:"data_keys_rewrapped"`
	Complete  bool   `json:"complete"`
	Cursor    string `json:"cursor,omitempty"` // to go on with
}

type auditBody struct {
	Records []recordBody `json:"records"`
	Cursor  string       `json:"cursor,omitempty"` // of the next page
}

type recordBody struct {
	ID         string       `json:"id"`
	At         string       `json:"at"`
	Action     string       `json:"action"`
	BrandID    string       `json:"brand_id,omitempty"`
	ProgramID  string       `json:"program_id,omitempty"`
	CustomerID string       `json:"customer_id,omitempty"`
	AttemptID  string       `json:"attempt_id,omitempty"`
	DocumentID string       `json:"document_id,omitempty"`
	Side       string       `json:"side,omitempty"`
	Identity   string       `json:"identity,omitempty"`
	Changes    []changeBody `json:"changes,omitempty"`
	Outcome    string       `json:"outcome"`
	RequestID  string       `json:"request_id"`
	Actor      string       `json:"actor,omitempty"`
	AskedBy    string       `json:"asked_by,omitempty"`
}

type changeBody struct {
	Name   string `json:"name"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

func record(r kyc.AuditRecord) recordBody {
	body := recordBody{
		ID: r.ID, At: kyc.FormatTime(r.At), Action: r.Action, BrandID: r.BrandID, ProgramID: r.ProgramID, CustomerID: r.CustomerID,
		AttemptID: r.AttemptID, DocumentID: r.DocumentID, Side: string(r.Side), Identity: r.Identity, Outcome: r.Outcome,
		RequestID: r.RequestID, Actor: r.Actor, AskedBy: r.AskedBy,
	}
	for _, c := range r.Changes {
		body.Changes = append(body.Changes, changeBody(c))
	}
	return body
}
