package contract

import "testing"

type scenario struct {
	name string
	opts Options // but for Notifier and TemplateFolder
	// anywhere lets templates be looked for in the whole datacenter.
	anywhere bool
	// slow is for what an implementation may take half a minute for. It is left out with -short.
	slow bool
	run  func(f *fixture)
}

// Run runs every scenario as a subtest, each in a World of its own.
func Run(t *testing.T, newWorld func(t *testing.T, opts Options) World) {
	groups := []struct {
		name      string
		scenarios []scenario
	}{
		{"Folder", folderScenarios},
		{"Clone", cloneScenarios},
		{"Start", startScenarios},
		{"Power", powerScenarios},
		{"Guest", guestScenarios},
		{"Shutdown", shutdownScenarios},
		{"Reconfigure", reconfigureScenarios},
		{"Configure", configureScenarios},
		{"Customize", customizeScenarios},
		{"Destroy", destroyScenarios},
		{"Disks", diskScenarios},
		{"DiskSize", diskSizeScenarios},
		{"Linked", linkedScenarios},
		{"Drift", driftScenarios},
		{"Root", rootScenarios},
		{"Template", templateScenarios},
		{"ChangedTemplate", changedTemplateScenarios},
		{"TemplateByRef", templateRefScenarios},
		{"Names", nameScenarios},
		{"Hosts", hostScenarios},
		{"Associations", associationScenarios},
		{"Classes", classScenarios},
		{"Storage", storageScenarios},
		{"Limits", limitScenarios},
		{"Outage", outageScenarios},
		{"Memory", memoryScenarios},
		{"Pending", pendingScenarios},
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for _, s := range group.scenarios {
				t.Run(s.name, func(t *testing.T) {
					if s.slow && testing.Short() {
						t.Skip("slow")
					}
					s.run(newFixture(t, newWorld, s))
				})
			}
		})
	}
}
