PROGS += gh-snmp
snmp_PURE := firmware/snmp/view.c firmware/snmp/answer.c firmware/snmp/peek.c firmware/snmp/mib.c firmware/snmp/mib_tables.c firmware/snmp/box_text.c
snmp_ENGINE := firmware/snmp/engine.c firmware/snmp/library.c firmware/snmp/door.c firmware/snmp/notify.c
gh-snmp_SRCS := firmware/snmp/main.c firmware/snmp/gather.c firmware/snmp/box.c $(snmp_ENGINE) $(snmp_PURE)
gh-snmp_LIBS := net run base
gh-snmp_LD := -lnetsnmp -lnl-route-3 -lnl-3 -levent_core -lseccomp -lssl -lcrypto

$(O)/obj/firmware/snmp/box.o: CPPFLAGS += -isystem /usr/include/libnl3

UNIT += firmware/snmp/snmp_test
snmp_test_SRCS := $(snmp_PURE)
snmp_test_LIBS := run base
