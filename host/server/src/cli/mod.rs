//! The commands a user types (clap), each in a file; talks to the API, or to the store where no server runs.
