PROGS += gh-disk
gh-disk_SRCS := image/disk/main.c image/disk/boot.c image/disk/table.c image/disk/volume.c
gh-disk_LIBS :=
gh-disk_LD := -lfdisk -lblkid

PROGS += gh-slot
gh-slot_SRCS := image/slot/main.c image/slot/name.c image/slot/esp.c image/slot/healthy.c
gh-slot_LIBS :=
gh-slot_LD := -ljansson

UNIT += image/slot/slot_test
slot_test_SRCS := image/slot/name.c image/slot/esp.c
slot_test_LIBS :=
slot_test_LD :=
