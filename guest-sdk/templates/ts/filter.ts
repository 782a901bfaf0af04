// Refuses messages whose subject or text holds one of the words in the settings.

const TEXT_BYTES_MAX = 256 * 1024; // of one part's text that are looked at

let words: string[] = [];

// Runs once, when the filter is loaded.
export const setup = {
  configure(settings: string): void {
    const given: { words?: string[] } = JSON.parse(settings);
    words = (given.words ?? []).map((word) => word.toLowerCase());
    if (words.length === 0) {
      const problems: Problem[] = [{ path: "/words", message: "name at least one word" }];
      throw problems;
    }
  },
};

export const onMessage = {
  check(session: Session, transaction: Transaction, message: Message): Verdict {
    for (const text of texts(message)) {
      const word = words.find((word) => text.toLowerCase().includes(word));
      if (word) {
        return { tag: "reject", val: { reason: { tag: "content" }, detail: `contains ${word}` } };
      }
    }
    return { tag: "pass" };
  },
};

function* texts(message: Message): Generator<string> {
  yield* message.getDecodedFields("Subject");
  const count = message.countParts();
  for (let index = 0; index < count; index++) {
    const chunk = message.getPart(index)?.readText(0, TEXT_BYTES_MAX);
    if (chunk) {
      yield chunk.text;
    }
  }
}
