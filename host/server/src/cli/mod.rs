//! The commands a user types (clap), each in a file; talks to the API, or to the store where no server runs.

mod account;
mod alias;
mod arguments;
mod check;
mod completions;
mod connection;
mod dev;
mod dkim;
mod explain;
mod failure;
mod filter;
mod history;
mod list;
mod output;
mod password;
mod quarantine;
mod queue;
mod reload;
mod serve;
mod spam;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;
use output::Output;

/// A mail server: SMTP in, mailboxes out, every refusal explained.
#[derive(Parser)]
#[command(
    name = "postwarden",
    version,
    arg_required_else_help = true,
    after_help = "\
Start here:
  postwarden dev                                   a whole server on loopback, no configuration
  postwarden check --config postwarden.toml        every error of a configuration at once
  postwarden serve --config postwarden.toml        the daemon
  postwarden account add alice@example.com         a user
  postwarden explain \"550 5.7.1 We do not relay\"   what a reply means, and what to change here

Exit status: 0 done, 1 refused or not found, 2 wrong usage or configuration."
)]
struct Cli {
    /// The configuration file [default: ./postwarden.toml, then /etc/postwarden/postwarden.toml]
    #[arg(long, global = true, value_name = "FILE", env = "POSTWARDEN_CONFIG")]
    config: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Try it: a whole server on loopback, no configuration needed
    Dev(dev::Dev),
    /// Run the server
    Serve(serve::Serve),
    /// Read the configuration and tell every error at once; starts nothing
    Check(check::Check),
    /// Make a running server read its configuration again (the same as SIGHUP)
    Reload(reload::Reload),
    /// How the running server is
    Status(status::Status),
    /// Users: add, change, remove, show, list
    Account(account::Command),
    /// Other names for addresses
    Alias(alias::Command),
    /// Mailing lists
    List(list::Command),
    /// Keys that sign outgoing mail: new
    Dkim(dkim::Command),
    /// Messages that wait for delivery
    Queue(queue::Command),
    /// What happened to messages
    History(history::Command),
    /// Messages held back by a filter
    Quarantine(quarantine::Command),
    /// The spam filter's memory: learn sorted mail, and what it has learned
    Spam(spam::Command),
    /// The filters of a running server: list, show, reload, rollback, history, promote, drop
    Filter(filter::Command),
    /// What a reply, a log line or a bounce means here, and what to change; or what became of a message
    Explain(explain::Explain),
    /// Completions for a shell, to be sourced or saved
    Completions(completions::Completions),
}

/// The whole program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Output::new(cli.json);
    match dispatch(cli, &mut out) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn dispatch(cli: Cli, out: &mut Output) -> Result<ExitCode, Failure> {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Dev(command) => command.run(),
        Command::Serve(command) => command.run(config),
        Command::Check(command) => command.run(config, out),
        Command::Reload(command) => command.run(config, out),
        Command::Status(command) => command.run(config, out),
        Command::Account(command) => command.run(config, out),
        Command::Alias(command) => command.run(config, out),
        Command::List(command) => command.run(config, out),
        Command::Dkim(command) => command.run(config, out),
        Command::Queue(command) => command.run(config, out),
        Command::History(command) => command.run(config, out),
        Command::Quarantine(command) => command.run(config, out),
        Command::Spam(command) => command.run(config, out),
        Command::Filter(command) => command.run(config, out),
        Command::Explain(command) => command.run(config, out),
        Command::Completions(command) => command.run(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
