//! What a filter must not be able to do to others. Each action ends one budget, or tries to reach beyond the sandbox.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Given;
use crate::postwarden::filter::telemetry::{self, Level};
use crate::postwarden::filter::{call, dns, patterns};

static CALLS: AtomicU64 = AtomicU64::new(0);

pub(crate) fn act(name: &str, given: Option<&Given>) -> Result<(), String> {
    match name {
        "loop" => loop {
            black_box(0);
        },
        "host-calls" => loop {
            black_box(call::is_shadow());
        },
        "bomb" => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            loop {
                all.push(vec![1; 1 << 20]);
                black_box(&all);
            }
        }
        "recurse" => {
            black_box(deeper(black_box(0)));
        }
        "trap" => core::arch::wasm32::unreachable(),
        "panic" => panic!("a filter panics"),
        "exit" => std::process::exit(3),
        "wild" => {
            let address = black_box(0xffff_0000_usize as *const u8);
            // SAFETY: none; the sandbox is what is tested.
            black_box(unsafe { address.read_volatile() });
        }
        "lie" => {
            // SAFETY: none; a text of nearly four gigabytes that is not there.
            let text = unsafe {
                let bytes = core::slice::from_raw_parts(black_box(16 as *const u8), black_box(0x7fff_0000));
                core::str::from_utf8_unchecked(bytes)
            };
            telemetry::log(Level::Info, text, &[]);
        }
        "big-call" => telemetry::log(Level::Info, &"x".repeat(64 << 20), &[]),
        "handles" => {
            let message = given.and_then(|given| given.message.as_ref()).ok_or("handles needs a message")?;
            for _ in 0..1_000_000 {
                std::mem::forget(message.get_part(0));
            }
        }
        "log-flood" => (0..10_000).for_each(|n| telemetry::log(Level::Warn, &format!("line {n}"), &[])),
        "edit-flood" => {
            let transaction = given.and_then(|given| given.transaction.as_ref()).ok_or("needs a transaction")?;
            let refused = (0..10_000).filter(|_| transaction.add_header("X-Flood", "1").is_err()).count();
            telemetry::log(Level::Info, &format!("refused {refused}"), &[]);
        }
        "score-flood" => {
            let transaction = given.and_then(|given| given.transaction.as_ref()).ok_or("needs a transaction")?;
            let refused = (0..10_000).filter(|_| transaction.add_score("FLOOD", 0.1, None).is_err()).count();
            telemetry::log(Level::Info, &format!("refused {refused}"), &[]);
        }
        "note-flood" => {
            let session = given.and_then(|given| given.session.as_ref()).ok_or("needs a session")?;
            let refused = (0..1000).filter(|n| session.set_note(&format!("{n}"), &[0; 1000]).is_err()).count();
            telemetry::log(Level::Info, &format!("refused {refused}"), &[]);
        }
        "wait" => {
            let question = dns::Question { name: "never.example".to_owned(), record_type: 16 };
            let _ = dns::resolve(&question);
        }
        // The longest way: each byte ends a hundred patterns of the set `nested`.
        "find-for-ever" => loop {
            let text = vec![b'a'; 1 << 20];
            black_box(patterns::find_in_bytes("nested", &text, patterns::Places::First, u32::MAX))
                .map_err(|e| format!("{e:?}"))?;
        },
        "print" => println!("printed"),
        "remember" => {
            let before = CALLS.fetch_add(1, Ordering::SeqCst);
            telemetry::log(Level::Info, &format!("calls before: {before}"), &[]);
        }
        "look-around" => look_around(),
        other => return Err(format!("there is no action {other:?}")),
    }
    Ok(())
}

fn deeper(depth: u64) -> u64 {
    let here = black_box([depth; 16]);
    if black_box(depth) == u64::MAX { here[0] } else { deeper(depth + 1).wrapping_add(black_box(here)[3]) }
}

/// Files, environment, arguments, network: each attempt and what came of it.
fn look_around() {
    let tried = [
        ("read", std::fs::read("/etc/passwd").is_ok()),
        ("write", std::fs::write("/tmp/filter-was-here", "x").is_ok()),
        ("list", std::fs::read_dir("/").is_ok()),
        ("environment", std::env::vars_os().next().is_some()),
        ("arguments", std::env::args_os().next().is_some()),
        ("connect", std::net::TcpStream::connect("127.0.0.1:25").is_ok()),
        ("listen", std::net::TcpListener::bind("127.0.0.1:0").is_ok()),
        ("udp", std::net::UdpSocket::bind("127.0.0.1:0").is_ok()),
    ];
    let could: Vec<&str> = tried.iter().filter(|(_, done)| *done).map(|(name, _)| *name).collect();
    telemetry::log(Level::Info, &format!("could {could:?}"), &[]);
}
