PROGS += gh-comply
comply_PURE := core/comply/ledger.c core/comply/reader.c core/comply/seal.c
gh-comply_SRCS := $(addprefix core/comply/,main.c intake.c notary.c hold.c watch.c expire.c verify.c export.c format.c commands.c) $(comply_PURE)
gh-comply_LIBS := run proto base
gh-comply_LD := -levent_core -lseccomp -ljansson $(proto_LD)

UNIT += core/comply/ledger_test core/comply/comply_test
ledger_test_SRCS := core/comply/ledger.c core/comply/reader.c
ledger_test_LIBS := run proto base
ledger_test_LD := -levent_core $(proto_LD)
comply_test_SRCS := $(filter-out core/comply/main.c core/comply/commands.c,$(gh-comply_SRCS))
comply_test_LIBS := run proto base
comply_test_LD := -levent_core -ljansson $(proto_LD)
