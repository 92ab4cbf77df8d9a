PROGS += gh-disk
gh-disk_SRCS := image/disk/main.c image/disk/boot.c image/disk/table.c image/disk/volume.c image/disk/esp.c image/disk/chosen.c image/disk/encryption.c image/disk/erase.c
gh-disk_LIBS := run base
gh-disk_LD := -lfdisk -lblkid -lcryptsetup -ljansson -ltss2-esys -ltss2-mu -ltss2-tctildr

PROGS += gh-slot
gh-slot_SRCS := image/slot/main.c image/slot/healthy.c
gh-slot_LIBS :=
gh-slot_LD := -ljansson

PROGS += gh-provision
gh-provision_SRCS := image/provision/main.c image/provision/shell.c image/provision/source.c image/provision/ovf.c
gh-provision_LIBS := proto base
gh-provision_LD := -lblkid -lexpat -ljansson

UNIT += image/provision/ovf_test
ovf_test_SRCS := image/provision/ovf.c
ovf_test_LIBS := proto base
ovf_test_LD := -lexpat

PROGS += gh-entry
gh-entry_SRCS := image/entry/main.c image/entry/variable.c image/entry/allowed.c image/entry/ask.c image/entry/act.c
gh-entry_LIBS := base
gh-entry_LD :=

UNIT += image/entry/entry_test
entry_test_SRCS := image/entry/variable.c image/entry/allowed.c image/entry/act.c
entry_test_LIBS := base
entry_test_LD :=

PROGS += gh-guest
gh-guest_SRCS := image/guest/main.c image/guest/protocol.c image/guest/interfaces.c image/guest/power.c
gh-guest_LIBS := base
gh-guest_LD := -ljansson

UNIT += image/guest/agent_test
agent_test_SRCS := image/guest/protocol.c image/guest/interfaces.c
agent_test_LIBS := base
agent_test_LD := -ljansson
