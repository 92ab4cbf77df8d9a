LIBS += sip
lib_sip_SRCS += lib/sip/unit.c
