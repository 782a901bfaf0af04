//! Text or JSON logs through tracing.
