package main

import (
	"context"

	"kyc/shared/filecheck"
	"kyc/shared/kyc"
)

// noScanner is the value of VIRUS_SCANNER where no virus scanner looks at the bucket.
const noScanner = "none"

// rejections say of each reason for which a file is refused what it is called in a document.
var rejections = map[filecheck.Reason]kyc.Rejection{
	filecheck.Empty: kyc.RejectedFileTooSmall, filecheck.TooSmall: kyc.RejectedFileTooSmall,
	filecheck.TooLarge: kyc.RejectedFileTooLarge, filecheck.TooManyPixels: kyc.RejectedFileTooLarge, filecheck.TooManyPages: kyc.RejectedFileTooLarge,
	filecheck.UnsupportedType: kyc.RejectedFileType, filecheck.WrongType: kyc.RejectedFileType,
	filecheck.Unreadable: kyc.RejectedFileDamaged, filecheck.Truncated: kyc.RejectedFileDamaged,
	filecheck.Encrypted:     kyc.RejectedFileProtected,
	filecheck.ActiveContent: kyc.RejectedFileActive, filecheck.ExtraContent: kyc.RejectedFileActive,
}

// examine looks into a file of an announced type, and says why it is no good.
func examine(ctx context.Context, data []byte, media kyc.Media) (kyc.Rejection, error) {
	found, err := filecheck.Inspect(ctx, data, filecheck.Type(media))
	if err != nil || found.Accepted() {
		return "", err
	}
	why, known := rejections[found.Reason]
	if !known {
		return kyc.RejectedFileDamaged, nil
	}
	return why, nil
}
