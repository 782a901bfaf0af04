// Finds links that show one host and lead to another: <a href="https://evil.example">https://bank.example</a>.

const TEXT_BYTES_MAX = 512 * 1024; // of one part's text that are looked at
const LINKS_MAX = 500;

let points = 0;

export const setup = {
  configure(settings) {
    points = JSON.parse(settings).points;
    if (typeof points !== "number") {
      throw [{ path: "/points", message: "is a number" }];
    }
  },
};

export const onMessage = {
  check(session, transaction, message) {
    for (let index = 0; index < message.countParts(); index++) {
      const part = message.getPart(index);
      const text = part?.getMediaType() === "text/html" ? part.readText(0, TEXT_BYTES_MAX)?.text : undefined;
      const lie = text && lies(text);
      if (lie) {
        transaction.addScore("LINK_LIES", points, `${lie.shown} leads to ${lie.host}`);
        break;
      }
    }
    return { tag: "pass" };
  },
};

function lies(html) {
  const links = html.matchAll(/<a\s[^>]*href\s*=\s*["']?([^"'\s>]+)[^>]*>([^<]{0,500})/gi);
  let count = 0;
  for (const [, href, text] of links) {
    if (++count > LINKS_MAX) break;
    const host = hostOf(href);
    const shown = hostOf(text.trim());
    if (host && shown && !sameSite(host, shown)) return { host, shown };
  }
}

function hostOf(text) {
  const found = /^https?:\/\/([a-z0-9.-]+)/i.exec(text) ?? /^(www\.[a-z0-9.-]+)/i.exec(text);
  return found?.[1].toLowerCase().replace(/^www\.|\.$/g, "");
}

function sameSite(one, other) {
  return one === other || one.endsWith(`.${other}`) || other.endsWith(`.${one}`);
}
