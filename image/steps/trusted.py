"""trusted.py KEY PROGRAM: fails unless the program has the public half of this Ed25519 key built in."""
import subprocess
import sys

key, program = sys.argv[1:]
public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout[-32:]
with open(program, "rb") as file:
    if public not in file.read():
        sys.exit(f"image: {program} does not trust {key}: build it with make UPDATE_TRUST=FOLDER/upgrade.trust")
