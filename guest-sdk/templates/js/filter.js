// Refuses messages whose subject or text holds one of the words in the settings.

const TEXT_BYTES_MAX = 256 * 1024; // of one part's text that are looked at

let words = [];

// Runs once, when the filter is loaded.
export const setup = {
  configure(settings) {
    words = (JSON.parse(settings).words ?? []).map((word) => word.toLowerCase());
    if (words.length === 0) {
      throw [{ path: "/words", message: "name at least one word" }];
    }
  },
};

export const onMessage = {
  check(session, transaction, message) {
    for (const text of texts(message)) {
      const word = words.find((word) => text.toLowerCase().includes(word));
      if (word) {
        return { tag: "reject", val: { reason: { tag: "content" }, detail: `contains ${word}` } };
      }
    }
    return { tag: "pass" };
  },
};

function* texts(message) {
  yield* message.getDecodedFields("Subject");
  const count = message.countParts();
  for (let index = 0; index < count; index++) {
    const chunk = message.getPart(index)?.readText(0, TEXT_BYTES_MAX);
    if (chunk) {
      yield chunk.text;
    }
  }
}
