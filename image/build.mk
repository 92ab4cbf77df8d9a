PROGS += gh-disk
gh-disk_SRCS := image/disk/main.c image/disk/boot.c image/disk/table.c image/disk/volume.c
gh-disk_LIBS :=
gh-disk_LD := -lfdisk -lblkid

PROGS += gh-slot
gh-slot_SRCS := image/slot/main.c image/slot/healthy.c
gh-slot_LIBS :=
gh-slot_LD := -ljansson
