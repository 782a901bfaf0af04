"""Refuses messages whose subject or text holds one of the words in the settings."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.setup import Problem
from wit_world.imports.types import Objection, Reason_Content, Verdict_Pass, Verdict_Reject

# Bytes of one part's text that are looked at.
TEXT_BYTES_MAX = 256 * 1024

words = []


class Setup(exports.Setup):
    def configure(self, settings):
        """Runs once, when the filter is loaded."""
        global words
        words = [word.lower() for word in json.loads(settings).get("words", [])]
        if not words:
            raise Err([Problem("/words", "name at least one word")])


class OnMessage(exports.OnMessage):
    def check(self, session, transaction, message):
        for text in texts(message):
            text = text.lower()
            for word in words:
                if word in text:
                    return Verdict_Reject(Objection(Reason_Content(), f"contains {word}", None))
        return Verdict_Pass()


def texts(message):
    yield from message.get_decoded_fields("Subject")
    for index in range(message.count_parts()):
        with message.get_part(index) as part:
            chunk = part.read_text(0, TEXT_BYTES_MAX)
            if chunk:
                yield chunk.text
