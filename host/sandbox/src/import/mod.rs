//! What a guest may call, one interface of the contract a file. Each function counts itself against the budgets
//! before it does anything.

pub(crate) mod assets;
pub(crate) mod call;
pub(crate) mod content;
pub(crate) mod convert;
pub(crate) mod dns;
mod media_type;
pub(crate) mod patterns;
pub(crate) mod smtp;
mod staging;
pub(crate) mod state;
pub(crate) mod tcp;
pub(crate) mod telemetry;
#[cfg(test)]
mod tests;

use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker};

use crate::context::Context;
use crate::track_0_1::postwarden::filter as wit;

/// Everything the host offers, granted or not: what is imported was compared with the grants at load.
pub(crate) fn add_to_linker(linker: &mut Linker<Context>) -> Result<()> {
    wit::types::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)?;
    wit::smtp::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)?;
    wit::content::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)?;
    wit::dns::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)?;
    wit::state::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)?;
    wit::patterns::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)?;
    wit::tcp::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)?;
    wit::telemetry::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)?;
    wit::assets::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)?;
    wit::call::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)
}

impl wit::types::Host for Context {}
