// Package streamimage turns the images of a stream record, as Lambda hands them over, into those of the DynamoDB SDK.
package streamimage

import (
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item converts an image. A nil image gives a nil item.
func Item(image map[string]events.DynamoDBAttributeValue) (map[string]types.AttributeValue, error) {
	if image == nil {
		return nil, nil
	}
	item := make(map[string]types.AttributeValue, len(image))
	for name, v := range image {
		value, err := attribute(v)
		if err != nil {
			return nil, err
		}
		item[name] = value
	}
	return item, nil
}

func attribute(v events.DynamoDBAttributeValue) (types.AttributeValue, error) {
	switch v.DataType() {
	case events.DataTypeString:
		return &types.AttributeValueMemberS{Value: v.String()}, nil
	case events.DataTypeNumber:
		return &types.AttributeValueMemberN{Value: v.Number()}, nil
	case events.DataTypeBoolean:
		return &types.AttributeValueMemberBOOL{Value: v.Boolean()}, nil
	case events.DataTypeBinary:
		return &types.AttributeValueMemberB{Value: v.Binary()}, nil
	case events.DataTypeNull:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case events.DataTypeStringSet:
		return &types.AttributeValueMemberSS{Value: v.StringSet()}, nil
	case events.DataTypeMap:
		m, err := Item(v.Map())
		return &types.AttributeValueMemberM{Value: m}, err
	case events.DataTypeList:
		list := make([]types.AttributeValue, 0, len(v.List()))
		for _, element := range v.List() {
			value, err := attribute(element)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return &types.AttributeValueMemberL{Value: list}, nil
	}
	return nil, fmt.Errorf("attribute of type %d is in no item of ours", v.DataType())
}
