//! What a component imports and exports, function by function, without running or compiling it.

use wit_bindgen_core::wit_parser::{Resolve, WorldItem, WorldKey};
use wit_component::DecodedWasm;

use anyhow::{Context, bail};

/// Interfaces by their whole names, such as `postwarden:filter/dns@0.1.0`.
#[derive(Clone, Debug, Default)]
pub struct Interfaces {
    pub imports: Vec<Interface>,
    pub exports: Vec<Interface>,
}

#[derive(Clone, Debug)]
pub struct Interface {
    pub name: String,
    /// `resolve`, `message.get-part`
    pub functions: Vec<String>,
}

/// What an import can do only with a grant, by interface and the beginning of a function.
const NEEDS: &[(&str, &str, &str)] = &[
    ("dns", "", "\"dns\""),
    ("state", "", "\"state\""),
    ("assets", "", "{ files = { NAME = \"PATH\" } }"),
    ("tcp", "", "{ connect = [\"HOST:PORT\"] }"),
    ("smtp", "transaction.add-header", "\"edit\""),
    ("smtp", "transaction.replace-", "\"edit\""),
    ("smtp", "transaction.remove-header", "\"edit\""),
    ("smtp", "transaction.remove-part", "\"edit\""),
    ("smtp", "transaction.add-recipient", "\"recipients\""),
    ("smtp", "transaction.remove-recipient", "\"recipients\""),
    ("smtp", "transaction.set-sender", "\"recipients\""),
];

impl Interface {
    /// Its name within the contract; none: it is of another package.
    pub fn of_contract(&self) -> Option<(&str, &str)> {
        let rest = self.name.strip_prefix("postwarden:filter/")?;
        Some(rest.split_once('@').unwrap_or((rest, "none")))
    }
}

impl Interfaces {
    pub fn of(component: &[u8]) -> anyhow::Result<Self> {
        let (resolve, world) = match wit_component::decode(component).context("it is no component")? {
            DecodedWasm::Component(resolve, world) => (resolve, world),
            DecodedWasm::WitPackage(..) => bail!("it is a WIT package in binary form and has no code"),
        };
        let world = resolve.worlds.get(world).context("its world")?;
        let one = |(key, item): (&WorldKey, &WorldItem)| interface(&resolve, key, item);
        Ok(Self { imports: world.imports.iter().map(one).collect(), exports: world.exports.iter().map(one).collect() })
    }

    /// The grants that what it imports may need, as a `[[filter]]` spells them.
    pub fn grants(&self) -> Vec<&'static str> {
        let mut grants = Vec::new();
        for (interface, beginning, grant) in NEEDS {
            let used = self.imports.iter().any(|import| {
                import.of_contract().is_some_and(|(name, _)| name == *interface)
                    && import.functions.iter().any(|function| function.starts_with(beginning))
            });
            if used && !grants.contains(grant) {
                grants.push(*grant);
            }
        }
        grants
    }
}

fn interface(resolve: &Resolve, key: &WorldKey, item: &WorldItem) -> Interface {
    let name = resolve.name_world_key(key);
    let functions = match item {
        WorldItem::Interface { id, .. } => {
            let functions = resolve.interfaces.get(*id).map(|interface| interface.functions.values());
            functions.into_iter().flatten().map(|function| plain(&function.name)).collect()
        }
        WorldItem::Function(_) | WorldItem::Type { .. } => Vec::new(),
    };
    Interface { name, functions }
}

/// `[method]message.get-part` without what kind of function it is.
fn plain(name: &str) -> String {
    name.split_once(']').map_or(name, |(_, rest)| rest).to_owned()
}
