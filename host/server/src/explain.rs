//! Answers from the FAQ: a reply, a log line or a queue id in, the row and its likely causes here out.
