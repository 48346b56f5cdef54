package vsphere

import "context"

type opIDKey struct{}

// WithOpID returns a context whose calls carry id into vCenter's log (as its operationID), so that it and ours can be read
// side by side.
func WithOpID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, opIDKey{}, id)
}

// OpID returns the ID that WithOpID has put into ctx, or "".
func OpID(ctx context.Context) string {
	id, _ := ctx.Value(opIDKey{}).(string)
	return id
}
