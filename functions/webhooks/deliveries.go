package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/notification"
)

// deliveryBody is a delivery: of the list with its last try alone, else with all that are kept.
type deliveryBody struct {
	EventID     string    `json:"event_id"`
	Event       string    `json:"event"`
	WebhookID   string    `json:"webhook_id"`
	CustomerID  *string   `json:"customer_id"`
	OccurredAt  string    `json:"occurred_at"`
	Status      string    `json:"status"`
	NextTryTime *string   `json:"next_try_time"`
	ResentTime  *string   `json:"resent_time"`
	TriesKept   int       `json:"tries_kept"`
	LastTry     *tryBody  `json:"last_try"`
	Tries       []tryBody `json:"tries,omitempty"`
}

type tryBody struct {
	Time              string  `json:"time"`
	DurationMS        int64   `json:"duration_ms"`
	StatusCode        *int    `json:"status_code"`
	Error             *string `json:"error"`
	RetryAfterSeconds *int    `json:"retry_after_seconds"`
	Answer            *string `json:"answer,omitempty"`
}

func delivery(d kyc.Delivery) deliveryBody {
	b := deliveryBody{
		EventID: d.EventID, Event: string(d.Event), WebhookID: d.SubscriptionID, CustomerID: optional(d.CustomerID), OccurredAt: kyc.FormatTime(d.OccurredAt),
		Status: string(d.Status), NextTryTime: optionalTime(d.NextAt), ResentTime: optionalTime(d.ResentAt), TriesKept: len(d.Tries),
	}
	if len(d.Tries) > 0 {
		last := try(d.Tries[len(d.Tries)-1])
		last.Answer = nil
		b.LastTry = &last
	}
	return b
}

func try(t kyc.Try) tryBody {
	b := tryBody{Time: kyc.FormatTime(t.At), DurationMS: t.Duration.Milliseconds(), Error: optional(t.Error), Answer: new(t.Answer.Reveal())}
	if t.Code > 0 {
		b.StatusCode = &t.Code
	}
	if t.RetryAfter > 0 {
		b.RetryAfterSeconds = new(int(t.RetryAfter / time.Second))
	}
	return b
}

func listDeliveries(s *notification.DeliveryService) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		page, err := s.List(ctx, r.BrandID, r.Path("webhook_id"), notification.Filter{
			Event: r.Query("event"), Status: r.Query("status"), Code: r.Query("code"), Since: r.Query("since"), Until: r.Query("until"),
			PerPage: r.Query("per_page"), Cursor: r.Query("cursor"),
		})
		bodies := []deliveryBody{}
		for _, d := range page.Deliveries {
			bodies = append(bodies, delivery(d))
		}
		answer := apigw.Response{Status: http.StatusOK, Body: map[string]any{"webhook_deliveries": bodies}}
		if page.Next != "" {
			next := url.Values{"cursor": {page.Next}, "per_page": {fmt.Sprint(page.PerPage)}}
			for _, name := range []string{"event", "status", "code", "since"} {
				if value := r.Query(name); value != "" {
					next.Set(name, value)
				}
			}
			answer.Headers = map[string]string{
				"Link": fmt.Sprintf(`<%s/webhooks/%s/deliveries?%s>; rel="next"`, apigw.BasePath, r.Path("webhook_id"), next.Encode()),
			}
		}
		return answer, err
	}
}

func readDelivery(s *notification.DeliveryService) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		d, err := s.Read(ctx, r.BrandID, r.Path("webhook_id"), r.Path("event_id"))
		body := delivery(d)
		for _, t := range d.Tries {
			body.Tries = append(body.Tries, try(t))
		}
		return apigw.Response{Status: http.StatusOK, Body: map[string]any{"webhook_delivery": body}}, err
	}
}

func resend(s *notification.DeliveryService) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		d, err := s.Resend(ctx, r.BrandID, r.Path("webhook_id"), r.Path("event_id"))
		return apigw.Response{Status: http.StatusAccepted, Body: map[string]any{"webhook_delivery": delivery(d)}}, err
	}
}

func test(s *notification.DeliveryService) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		d, err := s.Test(ctx, r.BrandID, r.Path("webhook_id"))
		return apigw.Response{Status: http.StatusAccepted, Body: map[string]any{"webhook_delivery": delivery(d)}}, err
	}
}

func resendRange(s *notification.DeliveryService) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		o, err := r.Object("webhooks_err")
		if err != nil {
			return apigw.Response{}, err
		}
		in := notification.Range{All: o.Bool("include_delivered")}
		in.Since, _ = o.String("since")
		in.Until, _ = o.String("until")
		o.Rest()
		in.Wrong = o.Wrong()
		replay, err := s.ResendRange(ctx, r.BrandID, r.Path("webhook_id"), in)
		return apigw.Response{Status: http.StatusAccepted, Body: map[string]any{"webhook_resend": map[string]any{
			"since": kyc.FormatTime(replay.From), "until": kyc.FormatTime(replay.Until), "include_delivered": replay.All,
			"requested_time": kyc.FormatTime(replay.RequestedAt),
		}}}, err
	}
}

// readEvent answers with an event as it is posted.
func readEvent(s *notification.DeliveryService) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		e, err := s.Event(ctx, r.BrandID, r.Path("event_id"), r.API())
		if err != nil {
			return apigw.Response{}, err
		}
		body, err := message.EventBody(e)
		return apigw.Response{Status: http.StatusOK, Body: json.RawMessage(body)}, err
	}
}
