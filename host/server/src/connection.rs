//! Moves bytes between one socket and its Session, asks decide, keeps the draft. No policy, no protocol.
