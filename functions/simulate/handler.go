package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/telemetry"
	"kyc/shared/verification"
)

// patience leaves a third of the function's 29 seconds to the last look and the answer.
const patience = 20 * time.Second

func routes(log *slog.Logger, mover *verification.Mover, o *verification.Overrider) map[string]apigw.Route {
	return map[string]apigw.Route{
		"POST /simulate/clock":       {Handle: move(log, mover), Needs: kyc.MaySimulate, OurFault: "unknown_simulate"},
		"POST /simulate/kyc-pass":    {Handle: force(o, kyc.Passed), Needs: kyc.MaySimulate, OurFault: "unknown_simulate"},
		"POST /simulate/kyc-fail":    {Handle: force(o, kyc.Failed), Needs: kyc.MaySimulate, OurFault: "unknown_simulate"},
		"POST /simulate/kyc-timeout": {Handle: force(o, kyc.Expired), Needs: kyc.MaySimulate, OurFault: "unknown_simulate"},
		"POST /simulate/document":    {Handle: force(o, ""), Needs: kyc.MaySimulate, OurFault: "unknown_simulate"},
	}
}

// movedBody is a clock that was moved, and what came of it.
type movedBody struct {
	CurrentTime     string      `json:"current_time"`
	AheadSeconds    int64       `json:"ahead_seconds"`
	AdvancedSeconds int64       `json:"advanced_seconds"`
	Alarms          []alarmBody `json:"alarms"`
	Complete        bool        `json:"complete"`
	GoOnWith        *goOnBody   `json:"go_on_with,omitempty"`
}

// alarmBody is an alarm that went off with the move, and what was done about it.
type alarmBody struct {
	CustomerID string              `json:"customer_id"`
	ProgramID  string              `json:"program_id"`
	AttemptID  string              `json:"attempt_id"`
	KYCStatus  string              `json:"kyc_status"`
	Done       []verification.Done `json:"done"`
}

// goOnBody is the request that looks at whom this one had no time for.
type goOnBody struct {
	MoveTo string `json:"move_to"`
}

func move(log *slog.Logger, mover *verification.Mover) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		body, err := r.Object("input_error")
		if err != nil {
			return apigw.Response{}, err
		}
		m := verification.Move{Seconds: body.Int("advance_seconds")}
		if to, ok := body.String("move_to"); ok {
			m.To = &to
		}
		body.Rest()
		m.Wrong = body.Wrong()
		start := clock.Now()
		moved, err := mover.Move(ctx, r.BrandID, m)
		if err != nil {
			return apigw.Response{}, err
		}
		// Once the clock has moved this is no failure: an answer that says so would be sent again, and move it again.
		telemetry.Done(ctx, log, "move", clock.Now().Sub(start), moved.Err, slog.Int("alarms", len(moved.Fired)))
		return apigw.Response{Status: http.StatusOK, Body: answer(moved)}, nil
	}
}

func answer(m verification.Moved) movedBody {
	body := movedBody{
		CurrentTime: kyc.FormatTime(m.Now), AheadSeconds: int64(m.Ahead / time.Second), AdvancedSeconds: int64(m.By / time.Second),
		Alarms: []alarmBody{}, Complete: m.Complete,
	}
	for _, f := range m.Fired {
		body.Alarms = append(body.Alarms, alarmBody{f.CustomerID, f.ProgramID, f.Attempt.ID, string(f.Attempt.Status), f.Done})
	}
	if !m.Complete {
		body.GoOnWith = &goOnBody{body.CurrentTime}
	}
	return body
}
