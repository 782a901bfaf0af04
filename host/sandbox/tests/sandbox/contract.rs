//! The released contract stands: nothing of it is gone or different, and what was built against it still runs.

use std::path::{Path, PathBuf};

use postwarden_sandbox::*;
use serde_json::json;
use wit_parser::{Function, Handle, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId};

use super::support::*;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn parse(folder: &str) -> (Resolve, PackageId) {
    let mut resolve = Resolve::new();
    let (package, _) = resolve.push_dir(repository().join(folder)).unwrap();
    (resolve, package)
}

#[test]
fn nothing_that_was_released_is_gone_or_different() {
    let (old, old_package) = parse("tests/frozen/0.1/wit");
    let (new, new_package) = parse("wit/0.1");
    let mut missing = Vec::new();
    for (name, id) in &old.packages[old_package].interfaces {
        let Some(now) = new.packages[new_package].interfaces.get(name) else {
            missing.push(format!("interface {name}"));
            continue;
        };
        let (before, now) = (items(&old, *id), items(&new, *now));
        missing.extend(before.iter().filter(|item| !now.contains(item)).map(|item| format!("{name}: {item}")));
        // A guest built before lacks what a hook gains.
        if name == "setup" || name.starts_with("on-") {
            assert_eq!(before, now, "{name} is exported by guests and must not gain anything");
        }
    }
    assert!(missing.is_empty(), "the track 0.1 no longer has:\n{}", missing.join("\n"));
}

#[test]
fn every_hook_of_the_contract_is_known_to_the_host() {
    let (resolve, package) = parse("wit/0.1");
    let hooks = resolve.packages[package].interfaces.keys().filter(|name| name.starts_with("on-"));
    let mut known: Vec<_> = Hook::ALL.iter().map(|hook| hook.interface()).collect();
    let mut hooks: Vec<_> = hooks.map(String::as_str).collect();
    hooks.sort_unstable();
    known.sort_unstable();
    assert_eq!(hooks, known);
    assert_eq!(resolve.packages[package].name.to_string(), format!("{PACKAGE}@{TRACK}.0"));
}

#[tokio::test]
async fn a_filter_built_against_the_first_release_still_runs() {
    let settings =
        json!({ "on-message": [["facts"], ["score", "OLD", 1.0], ["dns", "here.example"], ["reject", "spam"]] });
    let component = std::fs::read(repository().join("tests/frozen/0.1/puppet.wasm")).unwrap();
    let filter = sandbox().load(Source { component, ..source(settings) }).await.unwrap();
    let of_its_time = [Hook::Connect, Hook::Greeting, Hook::Sender, Hook::Recipient, Hook::Message, Hook::Outcome];
    assert_eq!(filter.hooks(), of_its_time);
    let evaluation = filter.call(call(Hook::Message)).await;
    assert!(matches!(evaluation.verdict, Ok(Verdict::Reject(_))), "{:?}", evaluation.verdict);
    assert_eq!((evaluation.scores.len(), evaluation.log.len()), (1, 11));
}

/// Each function and type of an interface, with its shape, one line each.
fn items(resolve: &Resolve, id: InterfaceId) -> Vec<String> {
    let interface = &resolve.interfaces[id];
    let mut items: Vec<String> = interface.functions.values().map(|function| signature(resolve, function)).collect();
    items.extend(interface.types.iter().map(|(name, id)| format!("type {name} = {}", shape(resolve, *id))));
    items.sort();
    items
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let parameters: Vec<String> =
        function.params.iter().map(|param| format!("{}: {}", param.name, spelled(resolve, &param.ty))).collect();
    let result = function.result.as_ref().map_or("nothing".to_owned(), |result| spelled(resolve, result));
    format!("func {}({}) -> {result}", function.name, parameters.join(", "))
}

fn spelled(resolve: &Resolve, kind: &Type) -> String {
    match kind {
        Type::Id(id) => match &resolve.types[*id].name {
            Some(name) => name.clone(),
            None => shape(resolve, *id),
        },
        plain => format!("{plain:?}"),
    }
}

fn shape(resolve: &Resolve, id: TypeId) -> String {
    let of = |kind: &Type| spelled(resolve, kind);
    let maybe = |kind: &Option<Type>| kind.as_ref().map_or("_".to_owned(), of);
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            let fields: Vec<_> =
                record.fields.iter().map(|field| format!("{}: {}", field.name, of(&field.ty))).collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        TypeDefKind::Variant(variant) => {
            let cases: Vec<_> =
                variant.cases.iter().map(|case| format!("{}({})", case.name, maybe(&case.ty))).collect();
            format!("variant {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Enum(cases) => {
            let cases: Vec<_> = cases.cases.iter().map(|case| case.name.clone()).collect();
            format!("enum {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Tuple(tuple) => format!("tuple<{}>", tuple.types.iter().map(of).collect::<Vec<_>>().join(", ")),
        TypeDefKind::Option(kind) => format!("option<{}>", of(kind)),
        TypeDefKind::Result(result) => format!("result<{}, {}>", maybe(&result.ok), maybe(&result.err)),
        TypeDefKind::List(kind) => format!("list<{}>", of(kind)),
        TypeDefKind::Handle(Handle::Own(id)) => format!("own<{}>", spelled(resolve, &Type::Id(*id))),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", spelled(resolve, &Type::Id(*id))),
        TypeDefKind::Resource => "resource".to_owned(),
        TypeDefKind::Type(kind) => of(kind),
        other => panic!("the contract uses a kind of type that this test cannot compare: {other:?}"),
    }
}
