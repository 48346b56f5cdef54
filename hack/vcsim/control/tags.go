package control

import (
	"context"
	"slices"
)

// TagCategory is a category of tags, as an administrator makes it.
type TagCategory struct {
	Name   string   `json:"name"`
	Single bool     `json:"single,omitempty"` // an object has one tag of it at most
	Types  []string `json:"types,omitempty"`  // of the objects that its tags can be attached to; none for all
}

// Tag is a tag, and what it is attached to.
type Tag struct {
	ID       string   `json:"id"` // such as "urn:vmomi:InventoryServiceTag:...:GLOBAL"
	Category string   `json:"category"`
	Name     string   `json:"name"`
	Objects  []string `json:"objects,omitempty"` // MoRef values, sorted
}

// Path is the category and the name, such as "backup/daily".
func (t Tag) Path() string { return t.Category + "/" + t.Name }

// TagsByObject returns the paths of the tags of each object that has some, by MoRef value, sorted.
func TagsByObject(tags []Tag) map[string][]string {
	out := map[string][]string{}
	for _, tag := range tags {
		for _, object := range tag.Objects {
			out[object] = append(out[object], tag.Path())
		}
	}
	for _, paths := range out {
		slices.Sort(paths)
	}
	return out
}

// Tags lists every tag with what it is attached to, in the order in which the tags were made.
func (c *Client) Tags(ctx context.Context) ([]Tag, error) { return get[[]Tag](ctx, c, "tags") }

// AddTagCategory makes a category. One that exists is an error.
func (c *Client) AddTagCategory(ctx context.Context, category TagCategory) error {
	return c.do(ctx, "add-tag-category", Request{TagCategory: &category}, nil)
}

// AddTag makes a tag, and its category on demand, and returns the tag's identifier. One that exists is an error.
func (c *Client) AddTag(ctx context.Context, category, name string) (string, error) {
	var out Reply
	err := c.do(ctx, "add-tag", Request{Category: category, Name: name}, &out)
	return out.ID, err
}

// RemoveTag deletes a tag, which is detached from everything. Its category stays.
func (c *Client) RemoveTag(ctx context.Context, category, name string) error {
	return c.do(ctx, "remove-tag", Request{Category: category, Name: name}, nil)
}

// AttachTag attaches a tag to a virtual machine by hand.
func (c *Client) AttachTag(ctx context.Context, vm, category, name string) error {
	return c.do(ctx, "attach-tag", Request{VM: vm, Category: category, Name: name}, nil)
}

// DetachTag detaches a tag from a virtual machine by hand.
func (c *Client) DetachTag(ctx context.Context, vm, category, name string) error {
	return c.do(ctx, "detach-tag", Request{VM: vm, Category: category, Name: name}, nil)
}
