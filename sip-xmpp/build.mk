PROGS += gh-xlate
gh-xlate_SRCS := sip-xmpp/main.c
gh-xlate_LIBS := sip run proto base
gh-xlate_LD := -levent_core -lseccomp $(proto_LD)

# Presence: the pure parts.
pidf_SRCS := sip-xmpp/pres.c sip-xmpp/stamp.c sip-xmpp/rpid.c sip-xmpp/pidf_read.c sip-xmpp/pidf_write.c
UNIT += sip-xmpp/pidf_test
pidf_test_SRCS := $(pidf_SRCS)
pidf_test_LIBS := proto base
pidf_test_LD := $(proto_LD)
FUZZ += pidf_fuzz
$(O)/obj/tests/fuzz/pidf_fuzz.o: CPPFLAGS += -Isip-xmpp
pidf_fuzz_SRCS := $(pidf_SRCS)
pidf_fuzz_LIBS := proto base
pidf_fuzz_LD := $(proto_LD)
