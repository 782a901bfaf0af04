//! Delivery status notifications (RFC 3461 to 3464). No I/O, no clock.
