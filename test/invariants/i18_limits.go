package invariants

// checkLimit is I18, when a class has got a VM or a clone in a namespace. Two clones of one name make one VM.
func (s *state) checkLimit(st *stamp, why string) {
	most, limited := s.o.VMsPerNamespace[st.Class]
	if !limited || st.Class == "" {
		return
	}
	names := map[string]bool{}
	for _, v := range s.vms {
		if s.ours(v) && v.stamp.Class == st.Class && v.stamp.Namespace == st.Namespace {
			names[v.Folder+"/"+v.Name] = true
		}
	}
	for _, c := range s.clones {
		if !c.over && c.stamp != nil && c.stamp.Class == st.Class && c.stamp.Namespace == st.Namespace {
			names[c.Folder+"/"+c.Name] = true
		}
	}
	if len(names) > most {
		s.breach("I18", s.groups[st.UID], "%s: namespace %s has %d VMs of class %s, clones in flight included, and may have %d",
			why, st.Namespace, len(names), st.Class, most)
	}
}
