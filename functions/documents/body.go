package main

import (
	"kyc/shared/apigw"
	"kyc/shared/evidence"
	"kyc/shared/kyc"
)

// inside reads a file that the request holds, and ahead one that it announces.
func inside(o *apigw.Object, f *evidence.File) {
	f.Name, _ = o.String("file_name")
	f.Image, _ = o.String("image")
}

func ahead(o *apigw.Object, f *evidence.File) {
	f.Media, _ = o.String("content_type")
	f.Length = o.Int("content_length")
	f.SHA256, _ = o.String("sha256")
}

// read reads a brand's request.
func read(r *apigw.Request, body *apigw.Object, file func(*apigw.Object, *evidence.File)) evidence.Request {
	programID, _ := body.String("program_id")
	request := documents(body, file)
	request.BrandID, request.CustomerID, request.ProgramID = r.BrandID, r.Path("customer_id"), programID
	return request
}

// documents reads the documents of a request, under all their names, and of each file what the reader of files takes.
func documents(body *apigw.Object, file func(*apigw.Object, *evidence.File)) evidence.Request {
	var request evidence.Request
	for _, t := range kyc.DocumentTypes() {
		for _, member := range t.Spellings() {
			if o := body.Object(member); o != nil {
				request.Documents = append(request.Documents, document(o, t, member, file))
			}
		}
	}
	body.Rest()
	request.Wrong = body.Wrong()
	return request
}

func document(o *apigw.Object, t kyc.DocumentType, member string, file func(*apigw.Object, *evidence.File)) evidence.Document {
	d := evidence.Document{Member: member, Type: t}
	if len(t.Papers()) > 0 {
		d.Kind, _ = o.String("type")
	}
	if t.IssuedByState() {
		d.Country, _ = o.String("country")
	}
	if !t.HasBacks() { // the file stands in the document itself
		d.Files = []evidence.File{{Side: kyc.Front, Place: member}}
		file(o, &d.Files[0])
	} else {
		for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
			name := string(side) + "_image"
			if image := o.Object(name); image != nil {
				f := evidence.File{Side: side, Place: member + "/" + name}
				file(image, &f)
				image.Rest()
				d.Files = append(d.Files, f)
			}
		}
	}
	o.Rest()
	return d
}
