package main

import (
	"context"
	"strings"

	"kyc/shared/evidence"
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

// examine looks into a file of an announced type: why it is no good, or else which text it has.
func examine(ctx context.Context, data []byte, media kyc.Media) (evidence.Examined, error) {
	found, err := filecheck.Inspect(ctx, data, filecheck.Type(media))
	why, known := rejections[found.Reason]
	switch {
	case err != nil:
		return evidence.Examined{}, err
	case !found.Accepted() && !known:
		return evidence.Examined{Refused: kyc.RejectedFileDamaged}, nil
	case !found.Accepted():
		return evidence.Examined{Refused: why}, nil
	case found.Type != filecheck.PDF:
		return evidence.Examined{Unread: kyc.UnreadPicture}, nil
	case found.TextIsCut:
		return evidence.Examined{Unread: kyc.UnreadTextCut}, nil
	case strings.TrimSpace(found.Text.Reveal()) == "":
		return evidence.Examined{Unread: kyc.UnreadNoText}, nil
	}
	return evidence.Examined{Text: found.Text}, nil
}
