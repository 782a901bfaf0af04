"""Verifies every DKIM signature of the message on standard input with dkimpy; with --arc, its chain of seals.

Arguments: NAME=RECORD of each key. Prints how many signatures hold, or "pass"; another exit code than 0: one does not.
"""
import sys

import dkim

arguments = sys.argv[1:]
arc = "--arc" in arguments
records = dict(argument.split("=", 1) for argument in arguments if argument != "--arc")


def lookup(name, timeout=5):
    name = (name.decode() if isinstance(name, bytes) else name).rstrip(".")
    return records[name].encode()


message = sys.stdin.buffer.read()
if arc:
    chain, _, reason = dkim.arc_verify(message, dnsfunc=lookup)
    if chain != dkim.CV_Pass:
        sys.exit(f"the chain is {chain}: {reason}")
    print("pass")
    sys.exit()
verifier = dkim.DKIM(message)
count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
for index in range(count):
    if not verifier.verify(idx=index, dnsfunc=lookup):
        sys.exit(f"signature {index} does not hold")
print(count)
