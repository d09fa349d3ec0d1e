// Package dynamostore keeps everything in one DynamoDB table.
//
// Every write that creates or advances something has a condition on what it must not overwrite. DynamoDB's time to live
// only cleans up: whoever reads compares expires_at itself. Ids are version-4 UUIDs; times are strings of fixed width
// (kyc.FormatTime), so that they compare as strings, but for expires_at, which DynamoDB wants in epoch seconds.
//
//	pk                                   sk              holds                                       Go type           kept
//	brand#B                              brand           name, keys by version, pass over data keys   brandItem         for good
//	brand#B                              subscriptions   what relay needs of each subscription      directoryItem     for good
//	brand#B                              clock           how far ahead of real time it was moved     clockItem         for good
//	brand#B#program#P                    program         policies by version                         programItem       for good
//	brand#B#customer#C                   customer        the aggregate of KYC, nothing in clear      customerItem      until deleted
//	brand#B#customer#C                   profile         encrypted fields, wrapped data key          profileItem       until deleted
//	brand#B#customer#C                   attempt#P#T#A   an attempt that was replaced                attemptItem       until deleted
//	brand#B#customer#C                   retry#P         a request for another attempt               retryRequestItem  until granted
//	brand#B#subscription#S               subscription    address, events, keys and headers, sealed    subscriptionItem  for good
//	brand#B#subscription#S               line            state of the line to its endpoint           lineItem          90 days
//	brand#B#delivery#S#E                 delivery        tries of one event at one subscription      deliveryItem      90 days
//	brand#B#delivery#S#E                 answer#T        a long answer to the try of that time       answerItem        90 days
//	brand#B#event#E                      event           an event, to be sent, and sent again        eventItem         90 days
//	brand#B#lane#S#C                     turn#P#V#E      an event that waits for those before it     turnItem          90 days
//	brand#B#idempotency#OPERATION#HASH   idempotency     fingerprint, what was started or created    keyRecordItem     24 hours
//	brand#B#ssn#HASH                     ssn#C           C has the SSN of this keyed hash            ssnItem           for good
//	key#IDENTITY                         key             brand, hash of the secret, permissions      apiKeyItem        for good; temporary 15 minutes
//	stack                                secret          the stack's wrapped secret, its rotation    stackSecretItem   for good
//	audit#MONTH#SHARD                    audit#T#R       what an operator did, or who read what     auditItem         for good
//
// Times are those of the brand's clock (kyc.Moment), which on a sandbox stage may be ahead of real time: when a customer
// was created, the times of attempts and leases, first_seen_at and expires_at of keys, occurred_at of events. DynamoDB
// removes by real time, and so never too early. In real time are due_at, so that one query per shard finds the alarms of
// all brands, the tries of deliveries, and what is not about KYC: brands, programs, subscriptions, API keys.
//
// No partition serves more than one customer, subscription, delivery, event or idempotency key, but for those of operators'
// actions and of documents read, of which people make few, and that of an SSN, which serves the customers of one brand who
// share it. The latter is nothing but keys of items, written where such a customer is created or its SSN changes, and read
// by a query that ends after a few of them; so it bears a thousand such writes a second, and however many there are costs
// no reader more. The sandbox's numbers that many customers share have no entry.
//
// A brand's own partition is read once a minute and environment, or once a relayed batch, and written by its operator
// alone; on a sandbox stage its clock is read with every request and message too.
//
// What is stored under a keyed hash is stored under that of each secret of the stack that is in use: one, and two while that
// is rotated (kyc.StackSecret). That sweep alone scans the table.
//
// A customer who was deleted is closed, in one transaction on which everything else depends: the customer item has closed_at
// then and is in no list but that of the alarms, the profile holds what the law keeps, under a fresh data key, or has gone,
// and the attempts of which a record is kept stand in the archive without what their starts brought. Nobody but retention
// sees a closed customer: Customer does not find it, a start is conditional on there being no closed_at, and so is every
// write beside the customer's item that may come late (openCustomer). Then the archive is erased, item by item, at once or
// by the alarm, which is never off; and item by item again as the time of the records is over; the customer item goes last.
// What remains are events, which name ids alone, for their 90 days, and deliveries and idempotency keys for theirs.
//
// A customer takes at most 64 KB, however long its attempts go on and in however many programs: kyc/bounds.go says how.
//
// Indexes, both of keys only:
//
//	due     due_shard, due_at    customers with an alarm: sparse, 16 shards; deliveries and lines with one, 4 shards; clocks
//	                             that were moved lately, one shard; what is held for a subscription, a shard for each
//	lists   list, listed_at      brands; a brand's programs, keys and requests for another attempt; its customers and events
//	                             by month and shard; a subscription's deliveries by month and shard; operators' actions
//	                             about a brand, by month and shard
//
// Two engines stand in for DynamoDB: the emulator's in `make test`, AWS's own, DynamoDB Local, in `make conformance`.
// Where they differ, or differ from DynamoDB, this package goes a way on which they don't:
//
//	SET of a sum of three terms           DynamoDB refuses it, the emulator adds up: every sum has two
//	SET a == :v                           DynamoDB refuses it, the emulator sets nothing
//	filter on an attribute of the key     DynamoDB refuses it, the emulator filters: there are no filters
//	one item twice in one transaction     DynamoDB refuses it, DynamoDB Local only sometimes: no transaction does it
//	two transactions on one item          DynamoDB may refuse one as a conflict, neither engine ever does: tests inject it
//	removal of what has expired           DynamoDB within days, the emulator within a minute, DynamoDB Local never on a
//	                                      table with indexes: nothing waits for it
//	members of a set, items of a batch    in any order on each: both are sorted when they are read
//	units of a transaction's index writes DynamoDB Local counts them twice, the emulator once: see testbed/meter.go
package dynamostore
