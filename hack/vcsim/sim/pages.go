package sim

import (
	"strconv"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// pages are the answers to reads of which a caller has had one page, by token. A token belongs to its session and its collector,
// and to one call: each page has another.
type pages struct {
	last int
	rest map[string]pagedRead
}

// pagedRead is what is left of a read.
type pagedRead struct {
	objects []types.ObjectContent
	size    int // objects of a page
}

// cut keeps what is more than a page, and returns the page. It must be called with the collector's lock held.
func (p *pages) cut(read pagedRead) types.RetrieveResult {
	if read.size <= 0 || len(read.objects) <= read.size {
		return types.RetrieveResult{Objects: read.objects}
	}
	if p.rest == nil {
		p.rest = map[string]pagedRead{}
	}
	p.last++
	token := strconv.Itoa(p.last)
	p.rest[token] = pagedRead{read.objects[read.size:], read.size}
	return types.RetrieveResult{Token: token, Objects: read.objects[:read.size]}
}

// RetrievePropertiesEx answers as many objects as the caller asks for, and a token for the others. The pages of the stock one
// show what read leaves out.
func (c *collector) RetrievePropertiesEx(ctx *simulator.Context, req *types.RetrievePropertiesEx) soap.HasFault {
	res := c.read(ctx, req)
	body, ok := res.(*methods.RetrievePropertiesExBody)
	if !ok || body.Res == nil || body.Res.Returnval == nil {
		return res
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	page := c.pages.cut(pagedRead{body.Res.Returnval.Objects, int(req.Options.MaxObjects)})
	body.Res.Returnval = &page
	return res
}

// ContinueRetrievePropertiesEx answers the next page. It uses the token up.
func (c *collector) ContinueRetrievePropertiesEx(_ *simulator.Context, req *types.ContinueRetrievePropertiesEx) soap.HasFault {
	c.mu.Lock()
	defer c.mu.Unlock()
	read, ok := c.pages.rest[req.Token]
	if !ok {
		return &methods.ContinueRetrievePropertiesExBody{
			Fault_: simulator.Fault("the token is unknown", &types.InvalidProperty{Name: "token"}),
		}
	}
	delete(c.pages.rest, req.Token)
	return &methods.ContinueRetrievePropertiesExBody{
		Res: &types.ContinueRetrievePropertiesExResponse{Returnval: c.pages.cut(read)},
	}
}

// CancelRetrievePropertiesEx drops what is left of a read.
func (c *collector) CancelRetrievePropertiesEx(_ *simulator.Context, req *types.CancelRetrievePropertiesEx) soap.HasFault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.pages.rest[req.Token]; !ok {
		return &methods.CancelRetrievePropertiesExBody{
			Fault_: simulator.Fault("the token is unknown", &types.InvalidProperty{Name: "token"}),
		}
	}
	delete(c.pages.rest, req.Token)
	return &methods.CancelRetrievePropertiesExBody{Res: new(types.CancelRetrievePropertiesExResponse)}
}
