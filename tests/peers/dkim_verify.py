"""Verifies every DKIM signature of the message on standard input with dkimpy.

Arguments: NAME=RECORD of each key. Prints how many signatures hold; another exit code than 0: one does not.
"""
import sys

import dkim

records = dict(argument.split("=", 1) for argument in sys.argv[1:])


def lookup(name, timeout=5):
    name = (name.decode() if isinstance(name, bytes) else name).rstrip(".")
    return records[name].encode()


message = sys.stdin.buffer.read()
verifier = dkim.DKIM(message)
count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
for index in range(count):
    if not verifier.verify(idx=index, dnsfunc=lookup):
        sys.exit(f"signature {index} does not hold")
print(count)
