//! What a component is, before any of it runs: its form, its hooks, its imports beside the grants. Every objection says
//! what to do next.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::grants::Grants;
use crate::hook::Hook;
use crate::load::LoadError;

/// Package and track of the contract that this server speaks.
pub const PACKAGE: &str = "postwarden:filter";
pub const TRACK: &str = "0.1";

/// Added to the copy that is configured; the operator's file does not have it.
const SNAPSHOT_ACCESS: &str = "wasmtime:wizer/access";

/// A first look at the bytes: people hand over the wrong file more often than a broken one.
pub(crate) fn form(bytes: &[u8]) -> Result<(), LoadError> {
    let what = match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => return Ok(()),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => {
            "is a core WebAssembly module and no component: build it for wasm32-wasip2, or turn it into a component \
             with `wasm-tools component new`"
        }
        Some([0, b'a', b's', b'm', ..]) => "is WebAssembly of a version that this server does not know",
        _ if bytes.is_empty() => "is empty",
        _ if bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b'(' | b';')) => {
            "is WebAssembly text: translate it with `wasm-tools parse`"
        }
        _ => "is no WebAssembly component",
    };
    Err(LoadError::Form(what.to_owned()))
}

/// Exports and imports. All objections of one kind at once.
pub(crate) fn interfaces(engine: &Engine, component: &Component, grants: &Grants) -> Result<Vec<Hook>, LoadError> {
    let kind = component.component_type();
    let hooks = exports(kind.exports(engine).map(|(name, _)| name))?;
    imports(kind.imports(engine).map(|(name, _)| name), grants)?;
    Ok(hooks)
}

/// Whether the component imports the function that tells who really sent a message. (What a guest does not call, its
/// toolchain leaves out.)
pub(crate) fn reads_authentication(engine: &Engine, component: &Component) -> bool {
    const FUNCTION: &str = "[method]transaction.get-authentication-results";
    component.component_type().imports(engine).any(|(name, item)| match item.ty {
        ComponentItem::ComponentInstance(interface) => {
            ours(name).is_some_and(|(name, _)| name == "smtp") && interface.get_export(engine, FUNCTION).is_some()
        }
        _ => false,
    })
}

/// The exported hooks, in their order in a session.
fn exports<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Hook>, LoadError> {
    let mut others = Vec::new();
    let mut problems = Vec::new();
    let mut hooks = Vec::new();
    for name in names.filter(|name| !name.starts_with(SNAPSHOT_ACCESS)) {
        match ours(name) {
            None => others.push(name.to_owned()),
            Some((interface, version)) if !of_this_track(version) => {
                problems.push(format!("`{interface}` is of version {version}; {}", speaks()));
            }
            Some(("setup", _)) => {}
            Some((interface, _)) => match Hook::ALL.into_iter().find(|hook| hook.interface() == interface) {
                Some(hook) => hooks.push(hook),
                None => problems.push(format!(
                    "the contract has no hook `{interface}`, so it would never be called; known are: {}",
                    Hook::ALL.map(Hook::interface).join(", ")
                )),
            },
        }
    }
    if problems.is_empty() && hooks.is_empty() {
        let exported = if others.is_empty() { "nothing".to_owned() } else { others.join(", ") };
        problems.push(format!(
            "it exports no hook of {PACKAGE}@{TRACK}, but {exported}; a filter exports at least one of: {}",
            Hook::ALL.map(Hook::interface).join(", ")
        ));
    }
    hooks.sort();
    if problems.is_empty() { Ok(hooks) } else { Err(LoadError::Exports(problems)) }
}

fn imports<'a>(names: impl Iterator<Item = &'a str>, grants: &Grants) -> Result<(), LoadError> {
    let mut problems = Vec::new();
    let mut missing = Vec::new();
    for name in names {
        match ours(name) {
            Some((interface, version)) if !of_this_track(version) => {
                problems.push(format!("it imports `{interface}` of version {version}; {}", speaks()));
            }
            Some((interface, _)) => {
                missing.extend(grants.missing(interface).map(|line| (interface.to_owned(), line.to_owned())));
            }
            None if name.starts_with("wasi:http/") => problems.push(format!(
                "it imports `{name}`: filters have no HTTP of WASI; use the contract's `tcp` with the grant \"connect\""
            )),
            None if name.starts_with("wasi:") => {}
            None => problems.push(format!("it imports `{name}`, which this server does not have")),
        }
    }
    match (problems.is_empty(), missing.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(LoadError::Imports(problems)),
        (true, false) => Err(LoadError::Grants(missing)),
    }
}

fn speaks() -> String {
    format!("this server speaks {TRACK}: build the filter with the SDK of that track")
}

/// Interface and version of a name of our own package.
fn ours(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    Some(rest.split_once('@').unwrap_or((rest, "none")))
}

fn of_this_track(version: &str) -> bool {
    version.strip_prefix(TRACK).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn refusal<T: std::fmt::Debug>(result: Result<T, LoadError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn the_wrong_file_is_named_for_what_it_is() {
        assert!(form(b"\0asm\x0d\0\x01\0...").is_ok());
        assert!(refusal(form(b"\0asm\x01\0\0\0...")).contains("core WebAssembly module"));
        assert!(refusal(form(b"  (component)")).contains("WebAssembly text"));
        assert!(refusal(form(b"")).contains("empty"));
        assert!(refusal(form(b"MZ......")).contains("no WebAssembly component"));
    }

    #[test]
    fn a_hook_that_would_never_be_called_is_an_error() {
        assert!(exports(["postwarden:filter/on-message@0.1.0", "other:thing/x"].into_iter()).is_ok());
        let misspelt = refusal(exports(["postwarden:filter/on-mesage@0.1.0"].into_iter()));
        assert!(misspelt.contains("no hook `on-mesage`"), "{misspelt}");
        let other_track = refusal(exports(["postwarden:filter/on-message@0.2.0"].into_iter()));
        assert!(other_track.contains("version 0.2.0"), "{other_track}");
        let none = refusal(exports(["wasi:cli/run@0.2.6"].into_iter()));
        assert!(none.contains("wasi:cli/run@0.2.6") && none.contains("on-message"), "{none}");
        assert!(refusal(exports(["postwarden:filter/setup@0.1.0"].into_iter())).contains("exports no hook"));
    }

    #[test]
    fn an_import_needs_its_grant() {
        let names = ["postwarden:filter/dns@0.1.0", "postwarden:filter/state@0.1.0", "wasi:sockets/tcp@0.2.6"];
        let missing = refusal(imports(names.into_iter(), &Grants::default()));
        assert!(missing.contains("\"dns\", \"state\""), "{missing}");
        let grants = Grants::read(&serde_json::json!(["dns", "state"])).unwrap();
        assert!(imports(names.into_iter(), &grants).is_ok());
        assert!(refusal(imports(["wasi:http/outgoing-handler@0.2.6"].into_iter(), &grants)).contains("\"connect\""));
        assert!(refusal(imports(["acme:db/query"].into_iter(), &grants)).contains("acme:db/query"));
    }
}
