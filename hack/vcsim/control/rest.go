package control

import "context"

// SessionKind is the endpoint that a session was opened at.
type SessionKind string

// Kinds of sessions. A client that uses both endpoints has a session of each.
const (
	SessionSOAP SessionKind = "SOAP"
	SessionREST SessionKind = "REST"
)

// EndRESTSessions ends every session of the REST endpoint. New logins are accepted, and sessions of the SOAP endpoint stay.
func (c *Client) EndRESTSessions(ctx context.Context) error {
	return c.do(ctx, "end-rest-sessions", Request{}, nil)
}
