"""An example of what stands in each place of a command: one a line, for the matrices of roles and commands."""

PLACES = {
    "account": "x",
    "address": "192.0.2.9",
    "address/prefix": "192.0.2.9/24",
    "allocation": "1",
    "certificate": "x",
    "code": "123456",
    "days": "30",
    "dns-type": "a",
    "domain": "far.example",
    "gateway": "192.0.2.1",
    "generation": "1",
    "jid": "a@near.example",
    "key-type": "ed25519",
    "level": "audit",
    "minutes": "5",
    "name": "x",
    "number": "1",
    "port": "6000",
    "request": "99",
    "role": "auditor",
    "scope": "settings",
    "seconds": "1",
    "server": "192.0.2.53",
    "session": "4711",
    "setting": "operators",
    "verifier": "SCRAM-SHA-1$4096:QQ==$QQ==:QQ==",
    "when": "2026-11-26T17:00Z",
}
# What does not go as a word: files and passwords.
CONTENTS = {
    "backup-password": b"x",
    "file": b"x",
    "old-password": b"x",
    "password": b"Xx-secret-123456",
}
