package devstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

const (
	// logPoll is how often Logs looks for new lines. The emulator writes an invocation's lines when it has ended.
	logPoll = 500 * time.Millisecond
	// logOverlap is how far back each look goes: lines may appear a little after the time that they are stamped with.
	logOverlap = 5000 // milliseconds
)

// platformLines are what Lambda itself writes about an invocation.
var platformLines = []string{"START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START "}

// Logs hands each line that a function logs to show, with the function's folder as its name, from the stack's first
// line on, until ctx ends; the error is then ctx's. Lines of one invocation come together and in their order, those of
// different functions in the order in which the invocations ended. Lambda's own lines are left out.
func (s *Stack) Logs(ctx context.Context, show func(function, line string)) error {
	client := cloudwatchlogs.NewFromConfig(s.config)
	positions := map[string]*logPosition{}
	tick := time.NewTicker(logPoll)
	defer tick.Stop()
	for {
		var lines []logLine
		for _, id := range s.Functions() {
			if positions[id] == nil {
				positions[id] = &logPosition{}
			}
			more, err := s.newLines(ctx, client, id, positions[id])
			if err != nil {
				return fmt.Errorf("read the log of %s: %w", Folder(id), err)
			}
			lines = append(lines, more...)
		}
		slices.SortStableFunc(lines, func(a, b logLine) int { return cmp.Compare(a.stamp, b.stamp) })
		for _, line := range lines {
			show(line.function, line.text)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type logLine struct {
	stamp          int64 // Unix milliseconds
	function, text string
}

// logPosition is how far a function's log has been shown. The emulator gives its events no ids, but each invocation a
// log stream of its own, with one time stamp for all its lines.
type logPosition struct {
	latest int64          // the latest time stamp, in Unix milliseconds
	shown  map[string]int // lines shown, by log stream; of the streams within logOverlap
}

func (s *Stack) newLines(ctx context.Context, client *cloudwatchlogs.Client, id string, at *logPosition) ([]logLine, error) {
	out, err := client.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String(s.functions[id].logGroup), StartTime: aws.Int64(max(0, at.latest-logOverlap)),
	})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, nil // a group that the template does not make is made by the first line
	}
	if err != nil {
		return nil, err
	}
	var lines []logLine
	there := map[string]int{}
	for _, event := range out.Events {
		stream, stamp, text := aws.ToString(event.LogStreamName), aws.ToInt64(event.Timestamp), aws.ToString(event.Message)
		there[stream]++
		at.latest = max(at.latest, stamp)
		if there[stream] > at.shown[stream] && !isPlatformLine(text) {
			lines = append(lines, logLine{stamp, Folder(id), text})
		}
	}
	at.shown = there
	return lines, nil
}

func isPlatformLine(line string) bool {
	return slices.ContainsFunc(platformLines, func(prefix string) bool { return strings.HasPrefix(line, prefix) })
}
