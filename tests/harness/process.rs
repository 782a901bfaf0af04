//! Child processes that end with the test, also when it fails; ended by their own id only.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::mail::wait_within;

/// How long a process may take to go after SIGTERM before it is killed.
const STOP_WAIT: Duration = Duration::from_secs(60);

/// A command of the command line or of a peer that takes longer hangs.
const RUN_MAX: Duration = Duration::from_secs(120);

/// A child that is killed when the guard is dropped.
pub struct Guard {
    pub child: Child,
    name: String,
}

impl Guard {
    /// Starts `command` with its output in `DIR/NAME.out` and `DIR/NAME.err` (appended).
    pub fn start(mut command: Command, name: &str, dir: &Path) -> Self {
        let open = |ending: &str| {
            let path = dir.join(format!("{name}.{ending}"));
            std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a log file")
        };
        command.stdin(Stdio::null()).stdout(open("out")).stderr(open("err"));
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self { child, name: name.to_owned() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, then waits for the end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let name = self.name.clone();
        wait_within(STOP_WAIT, &format!("{name} stops"), || self.child.try_wait().ok().flatten())
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.kill();
        }
    }
}

/// Runs a command to its end with this input; kills it where that takes longer than [`RUN_MAX`].
pub fn run(command: Command, input: &[u8]) -> Output {
    run_within(RUN_MAX, command, input)
}

/// As [`run`], with a limit of its own.
pub fn run_within(limit: Duration, mut command: Command, input: &[u8]) -> Output {
    use std::io::Write;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input);
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (ended, end) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if end.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            && let Some(pid) = pid
        {
            let _ = kill_process(pid, Signal::KILL);
        }
    });
    let output = child.wait_with_output().expect("output");
    drop(ended);
    let _ = watch.join();
    output
}

/// Standard output and error as one text, for messages.
pub fn said(output: &Output) -> String {
    format!("{}\n{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A figure in kB from `/proc/PID/status`: `VmRSS`, `VmHWM`.
pub fn status_kb(pid: u32, key: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("/proc");
    let line = text.lines().find(|line| line.starts_with(&format!("{key}:"))).expect("the key");
    line.split_whitespace().nth(1).and_then(|figure| figure.parse().ok()).expect("a figure")
}
