//! Row 8 by reverse DNS: no name, a name that fails to resolve now, a good name, and who is exempt.

use crate::harness::dns::{Dns, Zone};
use crate::harness::{Client, Server};

const LISTENER: &str = r#"
[[listener]]
name = "mx"
bind = ["127.0.0.1:0"]
role = "mx"
proxy-protocol = ["127.0.0.0/8"]

[security]
reject-no-rdns = true
"#;

fn zone() -> Zone {
    Zone::parse(
        "1.2.0.192.in-addr.arpa PTR mail.example.org
         mail.example.org A 192.0.2.1
         2.2.0.192.in-addr.arpa SERVFAIL",
    )
}

fn mail_from(server: &Server, client: &str) -> String {
    let mut connection = Client::raw(server.address("mx")).unwrap();
    connection.bytes(format!("PROXY TCP4 {client} 127.0.0.1 40000 25\r\n").as_bytes()).unwrap();
    connection.expect(220);
    connection.ehlo();
    let reply = connection.command("MAIL FROM:<bob@example.org>");
    format!("{} {}", reply.code, reply.text())
}

#[test]
fn a_client_without_a_reverse_name_may_not_send() {
    let dns = Dns::start(zone());
    for (profile, refused) in
        [("merak", "501 5.7.1 You are not allowed to send."), ("rfc", "550 5.7.25 You are not allowed to send.")]
    {
        let config = format!(
            "{LISTENER}\n[smtp]\nreplies = \"{profile}\"\n[delivery]\nresolver = [\"{}\"]\n\
             [relay]\nfrom = [\"192.0.2.3/32\"]",
            dns.address
        );
        let server = Server::start(&config);
        assert!(mail_from(&server, "192.0.2.1").starts_with("250"));
        assert!(mail_from(&server, "192.0.2.2").starts_with("451 4.4.3"), "{}", mail_from(&server, "192.0.2.2"));
        assert!(mail_from(&server, "192.0.2.9").starts_with(refused), "{}", mail_from(&server, "192.0.2.9"));
        // Relaying-from addresses are exempt.
        assert!(mail_from(&server, "192.0.2.3").starts_with("250"));
    }
}
