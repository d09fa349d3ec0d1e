package main

import (
	"context"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/notification"
)

func routes(s *notification.Service) map[string]apigw.Route {
	return map[string]apigw.Route{
		"POST /webhooks":                {Handle: create(s), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"GET /webhooks":                 {Handle: list(s), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"DELETE /webhooks/{webhook_id}": {Handle: remove(s), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
	}
}

type subscriptionBody struct {
	ID          string   `json:"id"`
	URL         string   `json:"url"`
	Events      []string `json:"events"`
	Description string   `json:"description"`
	Version     string   `json:"version"`
	Secret      string   `json:"secret,omitempty"` // at creation only
	Status      string   `json:"status"`
	CreatedTime string   `json:"created_time"`
	UpdatedTime string   `json:"updated_time"`
}

func body(sub kyc.Subscription) subscriptionBody {
	b := subscriptionBody{
		ID: sub.ID, URL: sub.URL, Description: sub.Description, Version: kyc.EventVersion, Status: sub.Status,
		CreatedTime: kyc.FormatTime(sub.CreatedAt), UpdatedTime: kyc.FormatTime(sub.UpdatedAt), Events: []string{},
	}
	for _, name := range sub.Events {
		b.Events = append(b.Events, string(name))
	}
	return b
}

func create(s *notification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		o, err := r.Object("webhooks_err")
		if err != nil {
			return apigw.Response{}, err
		}
		var in notification.Input
		in.URL, _ = o.String("url")
		if older, sent := o.String("callback_url"); sent && in.URL == "" { // its name in v0 of the API
			in.URL, in.URLMember = older, "callback_url"
		}
		in.Events = o.Strings("events")
		in.Description, _ = o.String("description")
		in.Version, _ = o.String("version")
		in.Status, _ = o.String("status")
		o.Rest()
		in.Wrong = o.Wrong()
		sub, secret, err := s.Create(ctx, r.BrandID, in)
		if err != nil {
			return apigw.Response{}, err
		}
		created := body(sub)
		created.Secret = secret.Reveal()
		return apigw.Response{Status: http.StatusCreated, Body: wrapped(created)}, nil
	}
}

func list(s *notification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		subs, err := s.List(ctx, r.BrandID)
		bodies := []subscriptionBody{}
		for _, sub := range subs {
			bodies = append(bodies, body(sub))
		}
		return apigw.Response{Status: http.StatusOK, Body: map[string]any{"webhook_subscriptions": bodies}}, err
	}
}

func remove(s *notification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		sub, err := s.Delete(ctx, r.BrandID, r.Path("webhook_id"))
		return apigw.Response{Status: http.StatusOK, Body: wrapped(body(sub))}, err
	}
}

func wrapped(b subscriptionBody) map[string]any { return map[string]any{"webhook_subscription": b} }
