package onboarding

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kyc/shared/kyc"
)

// ListInput is which part of the list is asked for, as it came in. What is empty was not sent.
type ListInput struct{ Page, PerPage, Cursor string }

// Page is a part of the list. Next is the cursor of the part after it, empty at the end.
type Page struct {
	Views   []View
	PerPage int
	Next    string
}

const (
	defaultPerPage = 10
	// maxNumbered is how many customers, from the newest on, can be asked for by the number of their page: to reach a page
	// means to read the list up to it.
	maxNumbered = 1000
)

// PerPage lists how many customers a page can have.
func PerPage() []int { return []int{1, 2, 5, 10, 20, 50} }

// List returns a page of the brand's customers, newest first. Pages are numbered up to the first 1,000 customers; beyond,
// and wherever customers are created meanwhile, cursors go from one page to the next. A page can have fewer customers than
// asked for, even none, and still have a next one.
func (s *Service) List(ctx context.Context, brandID string, in ListInput) (Page, error) {
	page, perPage, before, err := in.parse()
	if err != nil {
		return Page{}, err
	}
	now, err := s.Clock.Now(ctx, brandID)
	if err != nil {
		return Page{}, err
	}
	brand, err := s.Lists.Brand(ctx, brandID)
	if err != nil {
		return Page{}, err
	}
	if before == (kyc.Listed{}) { // the present month is the brand's, whose clock may be ahead
		before.CreatedAt = time.Date(now.Time.Year(), now.Time.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	}
	skip := (page - 1) * perPage
	listed, next, err := s.Lists.CustomersBefore(ctx, brandID, before, brand.CreatedAt, skip+perPage)
	if err != nil {
		return Page{}, err
	}
	var ids []string
	for _, l := range listed[min(skip, len(listed)):] {
		ids = append(ids, l.CustomerID)
	}
	result := Page{PerPage: perPage}
	if next != (kyc.Listed{}) {
		result.Next = formatCursor(next)
	}
	if result.Views, err = s.views(ctx, brandID, ids); err != nil {
		return Page{}, err
	}
	return result, nil
}

func (s *Service) views(ctx context.Context, brandID string, ids []string) ([]View, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := s.Lists.OnFile(ctx, brandID, ids)
	if err != nil {
		return nil, err
	}
	var views []View
	for _, on := range found {
		profile, err := s.Vault.Open(ctx, kyc.ProfilePlace(brandID, on.Customer.ID), on.Profile)
		if err != nil {
			return nil, fmt.Errorf("open profile of customer %s: %w", on.Customer.ID, err)
		}
		v, err := s.view(ctx, on.Customer, profile)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

func (in ListInput) parse() (page, perPage int, before kyc.Listed, err error) {
	page, perPage = 1, defaultPerPage
	wrong := map[string][]string{}
	if in.PerPage != "" {
		if perPage, err = strconv.Atoi(in.PerPage); err != nil || !slices.Contains(PerPage(), perPage) {
			wrong["per_page"] = []string{fmt.Sprintf("Must be one of %v.", PerPage())}
			perPage = 1
		}
	}
	if in.Page != "" {
		page, err = strconv.Atoi(in.Page)
		switch {
		case err != nil || page < 1:
			wrong["page"] = []string{"Must be a whole number from 1 on."}
		case page > maxNumbered/perPage:
			wrong["page"] = []string{fmt.Sprintf("Must be at most %d with this per_page: only the newest %d customers have numbered pages. "+
				"Go on with the cursor that the header Link of each answer has, rel=next.", maxNumbered/perPage, maxNumbered)}
		case in.Cursor != "":
			wrong["page"] = []string{"Must not be sent with cursor, which says where to go on."}
		}
	}
	var ok bool
	if before, ok = parseCursor(in.Cursor); !ok {
		wrong["cursor"] = []string{"Must be the cursor of an earlier answer's header Link."}
	}
	if len(wrong) > 0 {
		return 0, 0, kyc.Listed{}, &kyc.Error{Kind: kyc.Invalid, Code: "get_customer_schema", In: kyc.Query, Fields: wrong}
	}
	return page, perPage, before, nil
}

// A cursor names the last customer of a page. It is opaque to its user, and holds nothing that the page did not show.
func formatCursor(last kyc.Listed) string {
	return base64.RawURLEncoding.EncodeToString([]byte(kyc.FormatTime(last.CreatedAt) + "#" + last.CustomerID))
}

func parseCursor(cursor string) (kyc.Listed, bool) {
	if cursor == "" {
		return kyc.Listed{}, true
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	at, id, _ := strings.Cut(string(raw), "#")
	created, timeErr := kyc.ParseTime(at)
	return kyc.Listed{CreatedAt: created, CustomerID: id}, err == nil && timeErr == nil && (id == "" || kyc.IsUUID(id))
}
