//! A filter that does nothing: what a call costs before any of an author's code runs.

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection, MemoryType, Module, TypeSection,
    ValType,
};
use wit_component::{ComponentEncoder, embed_component_metadata};

use crate::contract::{ENCODING, parsed};

/// Exports `on-message`, which passes everything.
pub fn component() -> anyhow::Result<Vec<u8>> {
    let (mut resolve, _) = parsed()?;
    let version = crate::contract::version()?;
    let world = format!("package local:empty;\nworld empty {{ export postwarden:filter/on-message@{version}; }}\n");
    let package = resolve.push_source("empty.wit", &world)?;
    let mut module = module(&format!("postwarden:filter/on-message@{version}#check"));
    let world = resolve.select_world(&[package], Some("empty"))?;
    embed_component_metadata(&mut module, &resolve, world, ENCODING)?;
    ComponentEncoder::default().validate(true).module(&module)?.encode()
}

/// One function that takes three handles and returns the address of a result of zeros: ok, pass.
fn module(export: &str) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 3], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: Some(1), memory64: false, shared: false, page_size_log2: None });
    let mut exports = ExportSection::new();
    exports.export(export, ExportKind::Func, 0);
    exports.export("memory", ExportKind::Memory, 0);
    let mut body = Function::new([]);
    body.instructions().i32_const(1024).end();
    let mut code = CodeSection::new();
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn it_exports_one_hook_and_needs_no_grant() {
        let interfaces = crate::inspect::Interfaces::of(&super::component().unwrap()).unwrap();
        let exports: Vec<_> = interfaces.exports.iter().map(|one| one.of_contract().unwrap().0.to_owned()).collect();
        assert_eq!(exports, ["on-message"]);
        assert!(interfaces.grants().is_empty());
    }
}
