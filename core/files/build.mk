PROGS += gh-files
files_PURE := core/files/slot.c core/files/range.c core/files/reply.c
gh-files_SRCS := $(addprefix core/files/,main.c transfer.c transfer_in.c transfer_scan.c transfer_out.c fact.c shelf.c quota.c slots.c job.c commands.c) $(files_PURE)
gh-files_LIBS := net run proto base
gh-files_LD := -levent_core -lseccomp -lssl -lcares $(proto_LD)

UNIT += core/files/slot_test core/files/shelf_test
slot_test_SRCS := $(files_PURE)
slot_test_LIBS := proto base
slot_test_LD := $(proto_LD)
shelf_test_SRCS := core/files/shelf.c
shelf_test_LIBS := run proto base
shelf_test_LD := $(proto_LD)
UNIT += core/files/transfer_test
transfer_test_SRCS := $(addprefix core/files/,transfer.c transfer_in.c transfer_scan.c transfer_out.c fact.c shelf.c quota.c job.c) $(files_PURE)
transfer_test_LIBS := net run proto base
transfer_test_LD := -levent_core -lssl -lcares $(proto_LD)
