"""Finds messages that come from one domain and want their answers at another, free one."""

import json
from email.utils import parseaddr

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.setup import Problem
from wit_world.imports.types import Verdict_Pass

free = set()
points = 0.0


class Setup(exports.Setup):
    def configure(self, settings):
        global free, points
        given = json.loads(settings)
        problems = [Problem(f"/{key}", "is missing") for key in ("free", "points") if key not in given]
        if problems:
            raise Err(problems)
        free = {domain.lower() for domain in given["free"]}
        points = float(given["points"])


class OnMessage(exports.OnMessage):
    def check(self, session, transaction, message):
        sender = domain(message.get_decoded_fields("From"))
        answers = domain(message.get_decoded_fields("Reply-To"))
        if answers in free and sender != answers:
            transaction.add_score("REPLY_TO_FREE", points, f"{sender} wants answers at {answers}")
        return Verdict_Pass()


def domain(fields):
    return parseaddr(fields[0])[1].rpartition("@")[2].lower() if fields else ""
