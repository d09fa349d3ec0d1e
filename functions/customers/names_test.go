package main

import (
	"encoding/json"
	"testing"

	"kyc/shared/testbed"
)

// People have names in every script, and get them back as they wrote them.
func TestNamesOfEveryScript(t *testing.T) {
	_, handle := open(t)
	for script, name := range map[string][2]string{
		"Han": {"偉", "李"}, "Hangul": {"민준", "김"}, "Arabic": {"محمد", "الخوارزمي"}, "Persian": {"علی\u200cرضا", "می\u200cنا"},
		"Devanagari": {"अनीता", "शर्मा"}, "Sinhala": {"ප\u0dca\u200dරියා", "ශ\u0dca\u200dරී"}, "Cyrillic": {"Ёжи", "Щукин"},
		"combining marks": {"Jose\u0301", "Nguye\u0302\u0303n"}, "apostrophes and hyphens": {"Anne-Marie", "O’Brien-D'Arcy"},
	} {
		t.Run(script, func(t *testing.T) {
			e := testbed.HTTPEvent(t, "customers-create.json")
			var body map[string]any
			if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
				t.Fatal(err)
			}
			body["first_name"], body["last_name"] = name[0], name[1]
			raw, _ := json.Marshal(body)
			e.Body = string(raw)
			delete(e.Headers, "content-type") // it is JSON all the same
			status, created := testbed.HTTP(t, handle, e)
			if status != 201 || created["first_name"] != name[0] || created["last_name"] != name[1] {
				t.Errorf("%d %v", status, created)
			}
		})
	}
}
