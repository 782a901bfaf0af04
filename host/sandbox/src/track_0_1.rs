//! The bindings of contract track 0.1, generated from `wit/0.1`. Nothing but the generation; a second track is a
//! second file.

wasmtime::component::bindgen!({
    path: "../../wit/0.1",
    world: "full-filter",
    imports: {
        "postwarden:filter/dns.resolve": async | trappable,
        "postwarden:filter/dns.resolve-all": async | trappable,
        "postwarden:filter/state.[static]bucket.open": async | trappable,
        "postwarden:filter/state.[method]bucket.get": async | trappable,
        "postwarden:filter/state.[method]bucket.get-many": async | trappable,
        "postwarden:filter/state.[method]bucket.set": async | trappable,
        "postwarden:filter/state.[method]bucket.delete": async | trappable,
        "postwarden:filter/state.[method]bucket.increment": async | trappable,
        "postwarden:filter/state.[method]bucket.increment-many": async | trappable,
        "postwarden:filter/state.[method]bucket.compare-and-set": async | trappable,
        "postwarden:filter/state.[method]bucket.list-keys": async | trappable,
        "postwarden:filter/tcp.[static]connection.open": async | trappable,
        "postwarden:filter/tcp.[method]connection.write": async | trappable,
        "postwarden:filter/tcp.[method]connection.read": async | trappable,
        "postwarden:filter/patterns.find-in-bytes": async | trappable,
        "postwarden:filter/patterns.find-in-part": async | trappable,
        "postwarden:filter/patterns.find-in-message": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "postwarden:filter/smtp.session": crate::import::smtp::SessionHandle,
        "postwarden:filter/smtp.transaction": crate::import::smtp::TransactionHandle,
        "postwarden:filter/content.message": crate::import::content::MessageHandle,
        "postwarden:filter/content.part": crate::import::content::PartHandle,
        "postwarden:filter/state.bucket": crate::import::state::Bucket,
        "postwarden:filter/tcp.connection": crate::import::tcp::Connection,
    },
});
