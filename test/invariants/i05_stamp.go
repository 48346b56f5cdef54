package invariants

// checkStamped is I5, when a clone has ended: the VM that it has made has a stamp. The moment that outside changes get is
// for those who take a failed VM away.
func (s *state) checkStamped(c *clone) {
	if s.o.Stripped {
		return
	}
	name, folder, result := c.Name, c.Folder, c.Result
	s.later("I5", nil, func() string {
		for _, v := range s.vms {
			made := v.MoRef == result || (v.byClient && v.Folder == folder && v.Name == name)
			if made && !v.gone && v.Stamp == "" && s.inFlight(v.Folder, v.Name) == nil {
				return "the clone of " + name + " has ended, and " + v.label() + " has no stamp"
			}
		}
		return ""
	})
}
