package kyc

import "time"

// Link is what an attempt knows of the link by which its customer sends documents without a key pair. The link itself is
// derived from it and is stored nowhere.
type Link struct {
	Generation int       // of the newest link; the older ones are dead. 0 where there was none yet
	Until      time.Time // when it ends, in the brand's time, to the second
}

const (
	// LinkLife is how long a link can be used, from when it was last given out as a fresh one.
	LinkLife = 7 * day
	// linkRest is what a link has left at the least when it is given out: its customer reads the message that brings it some
	// time later.
	linkRest = LinkLife / 2
)

// fresh returns the link as it is to be given out at the time now. One that soon ends goes on, so that whoever has it
// already can go on too; one that has ended is followed by another, and stays dead.
func (l Link) fresh(now time.Time) Link {
	switch {
	case l.Generation == 0 || !now.Before(l.Until):
		return Link{l.Generation + 1, now.Add(LinkLife).Truncate(time.Second)}
	case l.Until.Sub(now) < linkRest:
		l.Until = now.Add(LinkLife).Truncate(time.Second)
	}
	return l
}

// LinkRef is what a link leads to: an attempt, for as long as the link is its newest one.
type LinkRef struct {
	Pair
	AttemptID  string
	Generation int
}

// Link names the newest link of the attempt, which is of the pair.
func (p Pair) Link(a Attempt) LinkRef { return LinkRef{p, a.ID, a.Link.Generation} }

// Admits reports whether a link leads to the attempt at the time now.
func (a Attempt) Admits(l LinkRef, now time.Time) bool {
	return a.ID == l.AttemptID && a.Link.Generation == l.Generation && now.Before(a.Link.Until)
}

// Relinked returns the change that gives the attempt, which asks for documents, a link to be given out at the time now. It
// reports false where the one that it has will do.
func (c Customer) Relinked(programID string, now time.Time) (Filing, bool) {
	from := c.Attempts[programID]
	to := from
	to.Link = from.Link.fresh(now)
	to.Fence++
	return Filing{Pair{c.BrandID, c.ID, programID}, from, to}, to.Link != from.Link
}
