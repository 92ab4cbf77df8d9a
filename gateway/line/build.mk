PROGS += gh-line
gh-line_SRCS := gateway/line/main.c
gh-line_LIBS := sip net run proto base
gh-line_LD := -lssl -lcares -lresolv -levent_core -lseccomp $(proto_LD)

UNIT += gateway/line/line_location_test
line_location_test_SRCS := gateway/line/location.c gateway/line/stranger.c
line_location_test_LIBS := sip net run proto base
line_location_test_LD := $(SIP_LD) -lssl -levent_core $(proto_LD)
