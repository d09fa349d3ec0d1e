package dynamostore_test

import (
	"testing"

	"kyc/shared/memstore"
	"kyc/shared/testbed"
)

// TestConformance holds two tables to the same rules: the one on DynamoDB, and the model in memory that the simulation of
// the whole flow stands on.
func TestConformance(t *testing.T) {
	suite := map[string]func(*testing.T, func(testing.TB) bench){
		"open an attempt": testOpenAttempt, "every refusal": testEveryRefusal, "minimum interval": testMinimumIntervalIsToTheMicrosecond,
		"across brands": testStartIsRefusedAcrossBrands, "a key is the brand's own": testKeyIsTheBrandsOwn,
		"a key is free after 24 hours": testKeyIsFreeAfter24HoursToTheSecond, "a key's expiry is rounded alike": testKeyExpiryRoundsAlike,
		"condition and refusal agree": testConditionAndRefusalAgree, "version of a start": testVersionOfAStart,
		"a key tells of an archived attempt": testKeyOfAnArchivedAttemptTellsItsState, "one claim wins": testOneClaimWins,
		"claim is refused": testClaimIsRefused, "advance": testAdvanceAttempt, "advance is refused": testAdvanceIsRefused,
		"file documents":                    testFileDocuments,
		"live results decide every attempt": testLiveResultsDecideEveryAttempt, "note relayed": testNoteRelayed, "record late results": testRecordLate,
		"move alarm": testMoveAlarm,
		"archive":    testArchiveAttempt, "customers are read as they were stored": testCustomersAreReadAsTheyWereStored,
		"a key under two secrets": testKeyUnderTwoSecrets, "a creation takes its key": testCreationTakesItsKey, "one creation of many under a key": testOneCreationUnderAKey,
		"customers are found by their SSN": testCustomersWithSSN,
		"update of a profile":              testUpdateProfile, "an update is refused": testUpdateIsRefused, "one update wins": testOneUpdateWins,
		"a retry request keeps the first time": testRetryRequestKeepsTheFirstTime, "grant": testGrantAttempts,
		"grant beside a running attempt": testGrantBesideARunningAttempt, "a clock moves from where it is seen": testClockMovesFromWhereItIsSeen,
		"a clock is moved by one of many": testClockIsMovedByOneOfMany, "a clock's alarm stays until it is settled": testClocksAlarmStaysUntilItIsSettled,
		"alarms of one brand": testBrandAlarmsAreThoseOfOneBrand, "ring": testRingBringsAnAlarmForward,
		"close": testClose, "a close is refused": testCloseIsRefused, "a closed customer is unknown": testClosedIsUnknown, "retain": testRetain,
		"rest and remove": testRestAndRemove, "rest keeps what is to be told": testRestKeepsWhatIsToBeTold,
		"shipment": testShipment, "no try is lost among many": testNoTryIsLostAmongMany, "advance a delivery": testAdvanceDelivery,
		"answers are kept apart": testAnswersAreKeptApart, "advance a line": testAdvanceLine, "set a status": testSetStatus,
		"alarms of deliveries": testAlarmsOfDeliveries, "due lines": testDueLinesComeInOrder, "held deliveries": testHeldDeliveries, "lanes": testLanes,
	}
	for name, open := range map[string]func(testing.TB) bench{
		"DynamoDB": func(t testing.TB) bench { return open(t).bench },
		"model": func(t testing.TB) bench {
			model := memstore.New()
			return bench{model, testbed.NewClock(), func(testing.TB) map[string]map[string]any { return model.Snapshot() }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for name, test := range suite {
				t.Run(name, func(t *testing.T) { test(t, open) })
			}
		})
	}
}
