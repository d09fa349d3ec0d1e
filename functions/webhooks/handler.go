package main

import (
	"context"
	"net/http"
	"strconv"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/notification"
)

func routes(s *notification.Service, d *notification.DeliveryService) map[string]apigw.Route {
	return map[string]apigw.Route{
		"POST /webhooks":                            {Handle: create(s), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"GET /webhooks":                             {Handle: list(s), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"GET /webhooks/{webhook_id}":                {Handle: read(s), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"PATCH /webhooks/{webhook_id}":              {Handle: update(s), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"DELETE /webhooks/{webhook_id}":             {Handle: remove(s), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"GET /webhooks/{webhook_id}/secret":         {Handle: secret(s), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"POST /webhooks/{webhook_id}/secret/rotate": {Handle: rotate(s), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"POST /webhooks/{webhook_id}/test":          {Handle: test(d), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"POST /webhooks/{webhook_id}/resend":        {Handle: resendRange(d), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"GET /webhooks/{webhook_id}/deliveries": {
			Handle: listDeliveries(d), Needs: kyc.MayWebhooks, OurFault: "webhooks_err",
			Query: []string{"event", "status", "code", "since", "until", "per_page", "cursor"},
		},
		"GET /webhooks/{webhook_id}/deliveries/{event_id}":         {Handle: readDelivery(d), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"POST /webhooks/{webhook_id}/deliveries/{event_id}/resend": {Handle: resend(d), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
		"GET /events/{event_id}":                                   {Handle: readEvent(d), Needs: kyc.MayWebhooks, OurFault: "webhooks_err"},
	}
}

func create(s *notification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		in, err := input(r)
		if err != nil {
			return apigw.Response{}, err
		}
		sub, key, err := s.Create(ctx, r.BrandID, in)
		return shown(http.StatusCreated, sub, key, err)
	}
}

func list(s *notification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		subs, err := s.List(ctx, r.BrandID)
		bodies := []subscriptionBody{}
		for _, sub := range subs {
			bodies = append(bodies, subscription(sub))
		}
		return apigw.Response{Status: http.StatusOK, Body: map[string]any{"webhook_subscriptions": bodies}}, err
	}
}

func read(s *notification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		sub, err := s.Read(ctx, r.BrandID, r.Path("webhook_id"))
		if err == nil && !r.NoneMatch(strconv.Itoa(sub.Version)) {
			return apigw.Response{Status: http.StatusNotModified, Headers: tag(sub)}, nil
		}
		return shown(http.StatusOK, sub, kyc.Secret{}, err)
	}
}

func update(s *notification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		in, err := input(r)
		if err != nil {
			return apigw.Response{}, err
		}
		sub, err := s.Update(ctx, r.BrandID, r.Path("webhook_id"), matches(r), in)
		return shown(http.StatusOK, sub, kyc.Secret{}, err)
	}
}

func remove(s *notification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		sub, err := s.Delete(ctx, r.BrandID, r.Path("webhook_id"))
		response, err := shown(http.StatusOK, sub, kyc.Secret{}, err)
		response.Headers = nil // there is no version of it any more
		return response, err
	}
}

func secret(s *notification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		sub, key, err := s.Secret(ctx, r.BrandID, r.Path("webhook_id"))
		if err != nil {
			return apigw.Response{}, err
		}
		newest := subscription(sub).SigningKeys[0]
		return apigw.Response{Status: http.StatusOK, Body: map[string]any{"webhook_secret": map[string]any{
			"secret": optional(key.Reveal()), "public_key": newest.PublicKey, "signature_scheme": newest.SignatureScheme, "created_time": newest.CreatedTime,
		}}}, nil
	}
}

func rotate(s *notification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		in, err := rotation(r)
		if err != nil {
			return apigw.Response{}, err
		}
		sub, key, err := s.Rotate(ctx, r.BrandID, r.Path("webhook_id"), matches(r), in)
		return shown(http.StatusOK, sub, key, err)
	}
}

// shown is an answer about a subscription, with its key where that is to be seen.
func shown(status int, sub kyc.Subscription, key kyc.Secret, err error) (apigw.Response, error) {
	if err != nil {
		return apigw.Response{}, err
	}
	body := subscription(sub)
	body.Secret = key.Reveal()
	return apigw.Response{Status: status, Headers: tag(sub), Body: map[string]any{"webhook_subscription": body}}, nil
}

func tag(sub kyc.Subscription) map[string]string {
	return map[string]string{"ETag": apigw.ETag(strconv.Itoa(sub.Version))}
}

// matches is what If-Match says of the version of a subscription.
func matches(r *apigw.Request) func(int) bool {
	match := r.IfMatch()
	return func(version int) bool { return match(strconv.Itoa(version)) }
}
