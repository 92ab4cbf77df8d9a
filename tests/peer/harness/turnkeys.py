"""Stored keys of a relay's user (RFC 8489 9.2.2)."""
import hashlib


def keys(user, password, realm):
    text = ("%s:%s:%s" % (user, realm, password)).encode()
    return "md5=%s sha256=%s" % (hashlib.md5(text).hexdigest(), hashlib.sha256(text).hexdigest())
