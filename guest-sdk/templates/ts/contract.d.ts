// The types of the contract that this filter uses; `wit/deps/postwarden-filter` has the others. QuickJS hands whole
// numbers of 64 bits over as numbers.

type Reason = { tag: "virus" | "content" | "spam" | "access" | "filter" } | { tag: "other"; val: string };
interface Objection { reason: Reason; detail?: string; replyText?: string }
type Verdict =
  | { tag: "pass" | "accept" }
  | { tag: "reject" | "defer" | "discard" | "quarantine" | "challenge"; val: Objection };
/** Thrown by `configure`, as a list. */
interface Problem { path: string; message: string }

interface Session {
  getHelo(): string | undefined;
  getReverseName(): string | undefined;
  getUser(): string | undefined;
  getAttribute(name: string): string | undefined;
}
interface Transaction {
  getSender(): string;
  getScore(): number;
  addScore(symbol: string, points: number, detail?: string): void;
  addHeader(name: string, value: string): void;
}
interface Message {
  getSize(): number;
  getDecodedFields(name: string): string[];
  countParts(): number;
  getPart(index: number): Part | undefined;
}
interface Part {
  getMediaType(): string;
  getFilename(): string | undefined;
  readText(start: number, limit: number): { text: string; next?: number } | undefined;
}
