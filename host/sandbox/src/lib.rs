//! Runs filters as sandboxed WebAssembly components. The only crate that names wasmtime; knows hooks and verdicts,
//! not SMTP. Nothing of it runs yet: the contract it will link is in `wit/0.1`.
