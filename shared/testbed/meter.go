package testbed

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// Metered returns the bed with a meter on its writes: wrote gets the write units of each, those of the table and those
// of its indexes. Both engines charge as DynamoDB does: a unit for each KB begun of the bigger of the item before and
// after, two in a transaction; an index where its entry appears or goes, twice where it moves, and not where it stays. A
// write whose condition failed is charged too, but no engine says for how much, so it is not metered.
func (b *Bed) Metered(wrote func(table, index float64)) *Bed {
	seen := *b
	seen.AWS = b.AWS.Copy()
	seen.AWS.APIOptions = append(seen.AWS.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("meter", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			switch in := in.Parameters.(type) {
			case *dynamodb.PutItemInput:
				in.ReturnConsumedCapacity = types.ReturnConsumedCapacityIndexes
			case *dynamodb.UpdateItemInput:
				in.ReturnConsumedCapacity = types.ReturnConsumedCapacityIndexes
			case *dynamodb.DeleteItemInput:
				in.ReturnConsumedCapacity = types.ReturnConsumedCapacityIndexes
			case *dynamodb.TransactWriteItemsInput:
				in.ReturnConsumedCapacity = types.ReturnConsumedCapacityIndexes
			}
			out, metadata, err := next.HandleInitialize(ctx, in)
			if err != nil {
				return out, metadata, err
			}
			switch out := out.Result.(type) {
			case *dynamodb.PutItemOutput:
				wrote(units(out.ConsumedCapacity))
			case *dynamodb.UpdateItemOutput:
				wrote(units(out.ConsumedCapacity))
			case *dynamodb.DeleteItemOutput:
				wrote(units(out.ConsumedCapacity))
			case *dynamodb.TransactWriteItemsOutput:
				for _, c := range out.ConsumedCapacity {
					wrote(units(&c))
				}
			}
			return out, metadata, nil
		}), middleware.Before)
	})
	return &seen
}

func units(c *types.ConsumedCapacity) (table, index float64) {
	for _, i := range c.GlobalSecondaryIndexes {
		index += aws.ToFloat64(i.CapacityUnits)
	}
	table = aws.ToFloat64(c.CapacityUnits) - index
	if c.Table == nil {
		// A transaction in the emulator, which counts the writes of its indexes once and DynamoDB Local twice. AWS does not
		// say; the dearer is assumed.
		index *= 2
	}
	return table, index
}
