// Package cache keeps a bounded number of values for a limited time in one execution environment.
package cache

import (
	"context"
	"sync"
	"time"
)

// Cache maps keys to values that were loaded at most TTL ago. It is safe for concurrent use; two callers who miss at
// once both load.
type Cache[K comparable, V any] struct {
	ttl time.Duration
	max int
	now func() time.Time

	mu      sync.Mutex
	entries map[K]entry[V]
}

type entry[V any] struct {
	value V
	until time.Time
}

// New returns a cache of at most max values, each kept for ttl by the clock now.
func New[K comparable, V any](ttl time.Duration, max int, now func() time.Time) *Cache[K, V] {
	return &Cache[K, V]{ttl: ttl, max: max, now: now, entries: map[K]entry[V]{}}
}

// Get returns the value of key, from load where none is kept. An error of load is returned and not kept.
func (c *Cache[K, V]) Get(ctx context.Context, key K, load func(context.Context) (V, error)) (V, error) {
	c.mu.Lock()
	e, ok := c.entries[key]
	c.mu.Unlock()
	if ok && c.now().Before(e.until) {
		return e.value, nil
	}
	return c.Renew(ctx, key, load)
}

// Renew returns the value of key from load, whatever is kept, and keeps it instead.
func (c *Cache[K, V]) Renew(ctx context.Context, key K, load func(context.Context) (V, error)) (V, error) {
	now := c.now()
	value, err := load(ctx)
	if err != nil {
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, held := c.entries[key]; !held && len(c.entries) >= c.max {
		// Full: begin anew. It happens once per max distinct keys, and costs a reload each.
		clear(c.entries)
	}
	c.entries[key] = entry[V]{value, now.Add(c.ttl)}
	return value, nil
}
