//! What `postwarden dev` prints: what to try next, with this server's own addresses and passwords. Starts nothing.

use std::net::SocketAddr;
use std::path::Path;

use super::Login;
use crate::config::Config;
use crate::server::Running;

pub(super) fn text(running: &Running, logins: &[Login]) -> String {
    let config = running.node.config.load_full();
    let data = config.file.as_deref().and_then(Path::parent).unwrap_or(&config.data_dir).display();
    let address = |name: &str| running.addresses.iter().find(|(listener, _)| listener == name).map(|(_, at)| *at);
    let (Some(mx), Some(submission)) = (address("mx"), address("submission")) else { return String::new() };
    let password = logins.first().map(|login| login.password.as_str()).unwrap_or_default();
    let accounts: String =
        logins.iter().map(|login| format!("    {:<18} {}\n", login.address, login.password)).collect();
    let file = config.file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
    let filters = filters(&config, mx, &file);
    format!(
        r#"Postwarden for development: everything on loopback, nothing leaves this machine.

  mail from other servers   {mx}
  submission (log in)       {submission}
  console and API           http://{console}
  data                      {data}

  accounts and their passwords
{accounts}
  Mail comes in, as from another server:
    swaks --server {mx} --from you@example.com --to alice@localhost --header "Subject: hello"

  A user sends, with TLS and a login:
    swaks --server {submission} --tls --auth PLAIN --auth-user alice@localhost \
      --auth-password {password} --from alice@localhost --to bob@localhost

  The same from Python, without a login:
    python3 -c 'import smtplib; s = smtplib.SMTP("{ip}", {port}); s.sendmail("you@example.com", ["bob@localhost"], "Subject: hello\r\n\r\nhello\r\n")'

  Where it lies:
    ls {data}/mail/localhost/alice/new

  Mail that a logged-in user sends to other domains is accepted and kept in the queue, where you can look at it:
    postwarden --config {file} queue list

{filters}  Why was something refused?
    postwarden --config {file} explain "550 5.7.1 We do not relay"

  Ctrl-C stops; accounts, mail and queue stay in {data}.
"#,
        console = running.console,
        ip = mx.ip(),
        port = mx.port(),
    )
}

/// The two halves of EICAR's test file (eicar.org), apart so that no scanner takes this file for it.
const EICAR: [&str; 2] = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];
/// The test message of anti-spam filters (spamassassin.apache.org/gtube).
const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

/// Which filters there are and how to see them at work.
fn filters(config: &Config, mx: SocketAddr, file: &str) -> String {
    let names: Vec<&str> = config.filters.iter().map(|filter| filter.name.as_str()).collect();
    if names.is_empty() {
        return String::new();
    }
    let swaks = format!("swaks --server {mx} --from you@example.com --to alice@localhost");
    let mut text = format!(
        "  Filters, in this order: {}. What they did so far:\n    postwarden --config {file} filter list\n\n",
        names.join(", ")
    );
    let has = |component: &str| config.filters.iter().any(|filter| filter.component == component);
    if has("builtin:access") {
        let lists = Path::new(file).with_file_name("lists");
        text += &format!(
            "  A sender on the black list is refused at RCPT (row 19); a saved list counts at once:\n    \
             echo 's:example.net' >> {}/black.txt\n    {}\n\n",
            lists.display(),
            swaks.replace("example.com", "example.net")
        );
    }
    if has("builtin:virus") {
        let [head, tail] = EICAR;
        text += &format!(
            "  A virus is refused (row 27); EICAR's harmless test file counts as one:\n    \
             printf '%s%s' '{head}' '{tail}' > eicar.com\n    {swaks} --attach @eicar.com\n\n"
        );
    }
    if has("builtin:spam") {
        text += &format!("  Spam is refused (row 29), as this test line shows:\n    {swaks} --body '{GTUBE}'\n\n");
    }
    text
}
