// Package kyc holds the words and the rules of the product, and nothing else: no I/O, no JSON, no AWS.
//
// A brand (our tenant) has programs, each with one bank. It creates a customer and starts KYC for a pair of customer
// and program: that opens an attempt. An attempt runs checks, which give results, from which a decision follows. Every
// change of state is an event, and each event becomes one delivery per subscription.
//
//	                ┌────────────────────────────────────────────────┐
//	                ▼                                                │ all documents in
//	start ──▶ submitted ──▶ document_required ──────────────────────┘
//	             │   ▲ ▲           │      ▲
//	             │   └─┼───────────┘      │
//	             ├─────┼──▶ under_review ─┘
//	             │     │        │
//	             ▼     │        ▼
//	   passed   failed │ error  expired  canceled
//	   (for good)      └── a new start opens a new attempt
//
// status.go holds the table that the picture is drawn from. The aggregate is Customer: whatever must hold together
// (one open attempt, nothing after a pass, attempts left) is decided on that one value.
package kyc
