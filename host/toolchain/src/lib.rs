//! What the author of a filter needs and an operator does not: the contract's text, projects from templates, and builds
//! in six languages. Runs no filter and knows no server; the sandbox and its commands are elsewhere.

pub mod build;
mod component;
pub mod contract;
pub mod empty;
pub mod inspect;
pub mod project;
pub mod reference;
pub mod template;
mod tools;

pub use project::{Language, Project};
