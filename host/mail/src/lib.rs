//! Message bytes: header fields, trace fields, delivery status notifications. No I/O, no clock.
