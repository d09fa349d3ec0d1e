package devstack

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestNamesOfFoldersAndLogicalIDsAreInverse(t *testing.T) {
	for folder, id := range map[string]string{
		"start-kyc": "StartKycFunction", "admin": "AdminFunction", "get-kyc": "GetKycFunction",
	} {
		if got := LogicalID(folder); got != id {
			t.Errorf("LogicalID(%q) = %q, want %q", folder, got, id)
		}
		if got := Folder(id); got != folder {
			t.Errorf("Folder(%q) = %q, want %q", id, got, folder)
		}
	}
}

func TestOnlyCodeUriIsSetInTheTemplate(t *testing.T) {
	const template = `
Globals:
  Function: { CodeUri: ., Environment: { Variables: { TABLE: !Ref Table } } }
Conditions:
  IsLive: !Equals [!Ref Mode, live]
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties: { DeletionProtectionEnabled: !If [IsLive, true, false], Version: "2012-10-17" }
  StartKycFunction:
    Type: AWS::Serverless::Function
    Properties:
      Description: Opens an attempt.
      KeyArn: !GetAtt Key.Arn # kept
      Policies:
        - !Sub "${Table.Arn}/index/due"
  GetKycFunction:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: ./elsewhere }
Outputs:
  Url: { Value: !Sub "https://${Api}/" }
`
	got, functions, err := withCode(template, func(id string) string { return "s3://deploy/" + Folder(id) + ".zip" })
	if err != nil {
		t.Fatal(err)
	}
	if want := "StartKycFunction GetKycFunction"; strings.Join(functions, " ") != want {
		t.Errorf("functions are %v, want %s", functions, want)
	}
	// Taken back, the two settings leave the document as it was, tags and all.
	back := strings.Replace(got, "CodeUri: 's3://deploy/get-kyc.zip'", "CodeUri: ./elsewhere", 1)
	back = strings.Replace(back, "      CodeUri: s3://deploy/start-kyc.zip\n", "", 1)
	if back == got {
		t.Errorf("no CodeUri was set:\n%s", got)
	}
	if want, have := canonical(t, template), canonical(t, back); want != have {
		t.Errorf("the template was changed to\n%s\nwant\n%s", have, want)
	}
}

func TestTheTemplateOfTheProductIsUnderstood(t *testing.T) {
	_, functions, err := withCode(productTemplate(t), func(string) string { return "s3://x/y" })
	if err != nil {
		t.Fatal(err)
	}
	if len(functions) < 10 {
		t.Errorf("it has the functions %v, want ten or more", functions)
	}
}

func TestTemplatesThatCannotBeDeployedAreRefused(t *testing.T) {
	for name, template := range map[string]string{
		"empty":                 "",
		"no YAML":               "a: [",
		"without functions":     "Resources: { Table: { Type: AWS::DynamoDB::Table } }",
		"function without code": "Resources: { AFunction: { Type: AWS::Serverless::Function } }",
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := withCode(template, func(string) string { return "" }); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

// canonical is a document in the encoder's own form.
func canonical(t *testing.T, text string) string {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	out, err := yaml.Marshal(&document)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
