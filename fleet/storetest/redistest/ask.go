package redistest

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Ask sends one command and gives the text that the server answers. It is not tried again and not sent elsewhere.
func (s *Server) Ask(ctx context.Context, command ...any) (text string, err error) {
	r := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
	defer r.Close()
	return r.Do(ctx, command...).Text()
}
