LIBS += sip
lib_sip_SRCS += lib/sip/unit.c

# Digest authentication.
lib_sip_SRCS += lib/sip/message_auth.c lib/sip/digest.c lib/sip/digest_client.c lib/sip/digest_server.c
UNIT += lib/sip/digest_test
digest_test_LIBS := sip base
digest_test_LD := -lsofia-sip-ua -lcrypto
