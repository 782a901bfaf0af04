//! Accepts connections within the limits on sessions; no protocol.
