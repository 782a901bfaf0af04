//! The contract's reference in Markdown, made from the doc comments of its WIT. `docs/src/reference.md` is what this
//! returns; a test says so.

use std::fmt::Write;

use anyhow::Context;
use wit_bindgen_core::wit_parser::{
    Docs, Field, Function, FunctionKind, Handle, Interface, Resolve, Type, TypeDef, TypeDefKind, TypeOwner,
};

use crate::contract::parsed;

/// The order in which somebody who writes a filter meets them; what is not named follows.
const ORDER: &[&str] = &[
    "on-connect",
    "on-greeting",
    "on-sender",
    "on-recipient",
    "on-message",
    "on-outcome",
    "on-feedback",
    "setup",
    "types",
    "smtp",
    "content",
    "patterns",
    "dns",
    "state",
    "assets",
    "tcp",
    "telemetry",
    "call",
];

pub fn markdown() -> anyhow::Result<String> {
    let (resolve, package) = parsed()?;
    let package = resolve.packages.get(package).context("the contract")?;
    let mut out = format!("# The contract: {}\n\n", package.name);
    out.push_str(
        "This page is made from the comments in `wit/0.1`. The names are those of WIT; each language has its\n",
    );
    out.push_str("own spelling of them: `get-decoded-fields` is `get_decoded_fields` in Rust, Python and C,\n");
    out.push_str("`getDecodedFields` in JavaScript, `GetDecodedFields` in Go.\n\n");
    docs(&mut out, &package.docs, "");
    let mut interfaces: Vec<(&String, &Interface)> =
        package.interfaces.iter().filter_map(|(name, id)| Some((name, resolve.interfaces.get(*id)?))).collect();
    let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    interfaces.sort_by_key(|(name, _)| place(name));
    for (name, interface) in interfaces {
        let _ = writeln!(out, "## {name}\n");
        docs(&mut out, &interface.docs, "");
        for (name, id) in &interface.types {
            let Some(kind) = resolve.types.get(*id) else { continue };
            if !matches!(kind.kind, TypeDefKind::Type(Type::Id(_))) {
                item(&mut out, &resolve, name, kind);
            }
            for function in interface.functions.values().filter(|function| function.kind.resource() == Some(*id)) {
                call(&mut out, &resolve, function, "- ");
            }
            if matches!(kind.kind, TypeDefKind::Resource) {
                out.push('\n');
            }
        }
        for function in interface.functions.values().filter(|function| function.kind.resource().is_none()) {
            call(&mut out, &resolve, function, "");
        }
    }
    Ok(format!("{}\n", out.trim_end()))
}

fn docs(out: &mut String, docs: &Docs, indent: &str) {
    let Some(text) = docs.contents.as_deref().filter(|text| !text.trim().is_empty()) else { return };
    for line in text.trim().lines() {
        let _ = writeln!(out, "{}", format!("{indent}{line}").trim_end());
    }
    out.push('\n');
}

/// Name, type and comment of a field or a case.
type Item<'a> = (&'a str, Option<String>, &'a Docs);

/// A record, a variant, a resource, a name for another type.
fn item(out: &mut String, resolve: &Resolve, name: &str, kind: &TypeDef) {
    let (word, items): (&str, Vec<Item<'_>>) = match &kind.kind {
        TypeDefKind::Record(record) => {
            let field = |field: &Field| Some(written(resolve, &field.ty));
            ("record", record.fields.iter().map(|one| (one.name.as_str(), field(one), &one.docs)).collect())
        }
        TypeDefKind::Variant(variant) => {
            let case = |ty: &Option<Type>| ty.as_ref().map(|ty| written(resolve, ty));
            ("variant", variant.cases.iter().map(|one| (one.name.as_str(), case(&one.ty), &one.docs)).collect())
        }
        TypeDefKind::Enum(all) => ("enum", all.cases.iter().map(|one| (one.name.as_str(), None, &one.docs)).collect()),
        TypeDefKind::Resource => ("resource", Vec::new()),
        TypeDefKind::Type(other) => {
            let _ = writeln!(out, "### `{name}` = `{}`\n", written(resolve, other));
            return docs(out, &kind.docs, "");
        }
        _ => ("type", Vec::new()),
    };
    let _ = writeln!(out, "### {word} `{name}`\n");
    docs(out, &kind.docs, "");
    for (name, ty, about) in &items {
        let ty = ty.as_ref().map(|ty| format!(": `{ty}`")).unwrap_or_default();
        let _ = write!(out, "- `{name}`{ty}");
        match about.contents.as_deref() {
            Some(text) => {
                let _ = writeln!(out, " — {}", text.trim().replace('\n', "\n  "));
            }
            None => out.push('\n'),
        }
    }
    if !items.is_empty() {
        out.push('\n');
    }
}

fn call(out: &mut String, resolve: &Resolve, function: &Function, bullet: &str) {
    let own = matches!(function.kind, FunctionKind::Method(_) | FunctionKind::AsyncMethod(_));
    let given: Vec<String> = function
        .params
        .iter()
        .skip(usize::from(own))
        .map(|param| format!("{}: {}", param.name, written(resolve, &param.ty)))
        .collect();
    let result = function.result.as_ref().map(|ty| format!(" -> {}", written(resolve, ty))).unwrap_or_default();
    let fixed = if matches!(function.kind, FunctionKind::Static(_)) { "static " } else { "" };
    let _ = writeln!(out, "{bullet}`{fixed}{}({}){result}`\n", function.item_name(), given.join(", "));
    docs(out, &function.docs, if bullet.is_empty() { "" } else { "  " });
}

/// A type as WIT writes it.
fn written(resolve: &Resolve, ty: &Type) -> String {
    let id = match ty {
        Type::Id(id) => *id,
        Type::Bool => return "bool".into(),
        Type::String => return "string".into(),
        Type::Char => return "char".into(),
        Type::ErrorContext => return "error-context".into(),
        number => return format!("{number:?}").to_lowercase(),
    };
    let Some(kind) = resolve.types.get(id) else { return "?".into() };
    if let (Some(name), TypeOwner::Interface(_)) = (&kind.name, &kind.owner) {
        return name.clone();
    }
    let one = |ty: &Type| written(resolve, ty);
    let or = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), one);
    match &kind.kind {
        TypeDefKind::List(ty) => format!("list<{}>", one(ty)),
        TypeDefKind::Option(ty) => format!("option<{}>", one(ty)),
        TypeDefKind::Result(result) => match &result.err {
            None => format!("result<{}>", or(&result.ok)),
            Some(error) => format!("result<{}, {}>", or(&result.ok), one(error)),
        },
        TypeDefKind::Tuple(tuple) => format!("tuple<{}>", tuple.types.iter().map(one).collect::<Vec<_>>().join(", ")),
        TypeDefKind::Handle(Handle::Own(id)) => written(resolve, &Type::Id(*id)),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", written(resolve, &Type::Id(*id))),
        TypeDefKind::Type(ty) => one(ty),
        other => other.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    /// `UPDATE=1 cargo test -p postwarden-toolchain` writes it anew.
    #[test]
    fn the_reference_in_the_docs_is_up_to_date() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/reference.md");
        let made = markdown().unwrap();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file, &made).unwrap();
        }
        let written = std::fs::read_to_string(file).unwrap_or_default();
        assert!(written == made, "docs/src/reference.md: run UPDATE=1 cargo test -p postwarden-toolchain reference");
        assert!(made.contains("get-decoded-fields(name: string) -> list<string>"), "{made}");
    }
}
