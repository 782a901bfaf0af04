//! A throw-away PostgreSQL for the tests: made in a temporary folder, stopped and removed when this
//! process ends, however it ends.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Obeys `stop` and `start` on its standard input; at its end, which comes with the end of the test
/// process, it stops the server by its process id and removes the folder.
const KEEPER: &str = r#"
bin=$1 folder=$2 port=$3
"$bin/initdb" -D "$folder/data" -A trust -U postwarden -E UTF8 --locale=C --no-sync >"$folder/initdb.log" 2>&1
start() {
    "$bin/postgres" -D "$folder/data" -k "$folder" -p "$port" -c listen_addresses=127.0.0.1 \
        -c max_connections=400 -c shared_buffers=32MB -c fsync=off >>"$folder/log" 2>&1 &
    pid=$!
}
stop() { kill -INT "$pid"; wait "$pid"; }
start
while read -r word; do "$word"; done
stop
rm -rf "$folder"
"#;

pub(crate) struct Server {
    port: u16,
    words: Mutex<ChildStdin>,
    _keeper: Child,
}

impl Server {
    /// The one that all scenarios share; none: PostgreSQL is not installed.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            let needed = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!needed, "PostgreSQL is missing: initdb is not in PATH nor in /usr/lib/postgresql/*/bin");
            // Past the capture of test output, so that it is seen.
            let _ = std::io::stderr().write_all(b"skipped: scenarios of PostgreSQL: initdb was not found\n");
            return None;
        };
        let folder = tempfile::tempdir().unwrap().keep();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(programs).arg(&folder).arg(port.to_string());
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir(&folder);
        // The server refuses to run as root.
        if std::fs::metadata("/proc/self").is_ok_and(|facts| std::os::unix::fs::MetadataExt::uid(&facts) == 0) {
            let (user, group) = other_user();
            chown(&folder, Some(user), Some(group)).unwrap();
            keeper.uid(user).gid(group);
        }
        let mut keeper = keeper.spawn().unwrap();
        let words = Mutex::new(keeper.stdin.take().unwrap());
        let server = Self { port, words, _keeper: keeper };
        // A thread of its own: the caller may be in a runtime.
        std::thread::scope(|scope| scope.spawn(|| server.wait_until_up(&folder)).join().unwrap());
        Some(server)
    }

    fn wait_until_up(&self, folder: &Path) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let end = Instant::now() + START_TIMEOUT;
        while runtime.block_on(self.execute("select 1")).is_err() {
            let log = ["initdb.log", "log"].map(|name| std::fs::read_to_string(folder.join(name)).unwrap_or_default());
            assert!(Instant::now() < end, "PostgreSQL does not start: {log:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// `stop` or `start`.
    pub(crate) fn say(&self, word: &str) {
        self.words.lock().unwrap().write_all(format!("{word}\n").as_bytes()).unwrap();
    }

    fn base_url(&self) -> String {
        format!("postgres://postwarden@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.base_url(), NoTls).await?;
        let connection = tokio::spawn(connection);
        let result = client.batch_execute(sql).await;
        drop(client);
        let _ = connection.await;
        result
    }

    /// The URL of an empty store.
    pub(crate) async fn new_store(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let schema = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.execute(&format!("create schema {schema}")).await.unwrap();
        format!("{}&options=-csearch_path%3D{schema}", self.base_url())
    }
}

fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push(PathBuf::from("/usr/local/bin"));
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<PathBuf> = versions.flatten().map(|version| version.path().join("bin")).collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// User and group `postgres`, else `nobody`.
fn other_user() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map_while(|field| field.parse::<u32>().ok());
        Some((numbers.next()?, numbers.next()?))
    };
    find("postgres").or_else(|| find("nobody")).unwrap()
}
