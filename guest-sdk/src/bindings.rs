//! The contract of track 0.1, generated: what a filter may call, and one world a hook, so that a filter exports the
//! hooks it names and no other. Nothing else.

#![allow(unsafe_code, missing_docs, unreachable_pub)] // Generated: calls across the boundary have no other way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::all)]

/// What a filter may call.
pub mod imports {
    wit_bindgen::generate!({
        path: "../wit/0.1",
        world: "postwarden:filter/imports",
        generate_all,
    });
}

macro_rules! hook {
    ($module:ident, $macro:literal, $world:literal, { $($interface:literal: $path:path),* }) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: ["../wit/0.1", "wit"],
                world: $world,
                pub_export_macro: true,
                export_macro_name: $macro,
                with: { $($interface: $path),* },
            });
        }
    };
}

hook!(setup, "export_setup", "postwarden:sdk/setup", {});
hook!(on_connect, "export_on_connect", "postwarden:sdk/on-connect", {
    "postwarden:filter/types@0.1.0": crate::bindings::imports::postwarden::filter::types,
    "postwarden:filter/smtp@0.1.0": crate::bindings::imports::postwarden::filter::smtp
});
hook!(on_greeting, "export_on_greeting", "postwarden:sdk/on-greeting", {
    "postwarden:filter/types@0.1.0": crate::bindings::imports::postwarden::filter::types,
    "postwarden:filter/smtp@0.1.0": crate::bindings::imports::postwarden::filter::smtp
});
hook!(on_sender, "export_on_sender", "postwarden:sdk/on-sender", {
    "postwarden:filter/types@0.1.0": crate::bindings::imports::postwarden::filter::types,
    "postwarden:filter/smtp@0.1.0": crate::bindings::imports::postwarden::filter::smtp
});
hook!(on_recipient, "export_on_recipient", "postwarden:sdk/on-recipient", {
    "postwarden:filter/types@0.1.0": crate::bindings::imports::postwarden::filter::types,
    "postwarden:filter/smtp@0.1.0": crate::bindings::imports::postwarden::filter::smtp
});
hook!(on_message, "export_on_message", "postwarden:sdk/on-message", {
    "postwarden:filter/types@0.1.0": crate::bindings::imports::postwarden::filter::types,
    "postwarden:filter/smtp@0.1.0": crate::bindings::imports::postwarden::filter::smtp,
    "postwarden:filter/content@0.1.0": crate::bindings::imports::postwarden::filter::content
});
hook!(on_outcome, "export_on_outcome", "postwarden:sdk/on-outcome", {
    "postwarden:filter/types@0.1.0": crate::bindings::imports::postwarden::filter::types,
    "postwarden:filter/smtp@0.1.0": crate::bindings::imports::postwarden::filter::smtp
});
hook!(on_feedback, "export_on_feedback", "postwarden:sdk/on-feedback", {
    "postwarden:filter/types@0.1.0": crate::bindings::imports::postwarden::filter::types,
    "postwarden:filter/content@0.1.0": crate::bindings::imports::postwarden::filter::content
});
