//! No space: 452 before content is asked for, nothing lost, and mail again when there is room.
//! The data folder lies on a small file system of its own; where a test may not mount one, it is skipped.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Server, peer, wait_for};

/// Room for the store and the reserve, and for little else.
const DISK: &str = "64m";
const FILLER_BYTES: usize = 56 << 20;

/// A mounted tmpfs, unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK},mode=0700"), "tmpfs"])
            .arg(&at)
            .stderr(std::process::Stdio::null())
            .status();
        // Many containers allow no mount, also in CI.
        if !mounted.is_ok_and(|status| status.success()) {
            println!("skipped: no right to mount a small disk");
            return None;
        }
        Some(Self(at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_a_temporary_refusal() {
    if !peer::is_root() {
        return println!("skipped: mounting a small disk needs root");
    }
    let mut server = Server::prepare(
        "data-dir = \"disk/data\"\n[relay]\nfrom = [\"127.0.0.0/8\"]\n[delivery]\nsmarthost = \"127.0.0.1:9\"",
    );
    let Some(disk) = Disk::mount(server.dir.path().join("disk")) else { return };
    server.launch();
    let mut client = server.connect("mx");
    client.ehlo();
    let send = |client: &mut crate::harness::Client| {
        client.message("bob@example.org", "someone@elsewhere.example", "Subject: kept\r\n\r\ntext\r\n").code
    };
    assert_eq!(send(&mut client), 250);

    std::fs::write(disk.0.join("filler"), vec![0; FILLER_BYTES]).unwrap();
    for _ in 0..10 {
        client.send("MAIL FROM:<bob@example.org>");
        let mut reply = client.reply();
        if reply.code == 250 {
            client.send("RCPT TO:<someone@elsewhere.example>");
            reply = client.reply();
        }
        if reply.code == 250 {
            client.send("DATA");
            reply = client.reply();
        }
        assert_eq!(reply.code, 452, "{}", client.transcript);
        assert!(reply.text().contains("4.3.1"), "{}", reply.text());
        client.send("RSET");
        client.expect(250);
    }
    // The queue still works while the disk is full.
    assert_eq!(server.queued(), 1);

    std::fs::remove_file(disk.0.join("filler")).unwrap();
    wait_for("mail again, without a restart", || {
        let mut client = server.connect("mx");
        client.ehlo();
        client.send("MAIL FROM:<bob@example.org>");
        let mail = client.reply().code == 250;
        client.send("RCPT TO:<someone@elsewhere.example>");
        let rcpt = client.reply().code == 250;
        client.send("DATA");
        let data = client.reply().code == 354;
        if !(mail && rcpt && data) {
            return None;
        }
        client.bytes(b"Subject: later\r\n\r\n.\r\n").unwrap();
        (client.reply().code == 250).then_some(())
    });
    assert_eq!(server.queued(), 2);
    server.kill();
}
