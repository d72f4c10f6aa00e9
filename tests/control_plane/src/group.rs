//! The processes of one control plane and their end.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::error::StartError;
use crate::folder::Folder;
use crate::watchdog::Watchdog;

/// How many lines of a failing server's log are shown.
const SHOWN_LINES: usize = 15;

/// The servers that run now, with their watchdog. Dropping it ends them all and removes the folder.
#[derive(Debug)]
pub(crate) struct ServerGroup {
    folder: Folder,
    watchdog: Watchdog,
    servers: Vec<Server>,
    keep_logs: bool,
}

#[derive(Debug)]
struct Server {
    name: &'static str,
    process: Child,
}

impl ServerGroup {
    pub(crate) fn new(folder: Folder) -> Result<Self, StartError> {
        let watchdog = Watchdog::start(&folder)?;
        Ok(Self { folder, watchdog, servers: Vec::new(), keep_logs: false })
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Starts a server; its output is appended to its log.
    pub(crate) fn spawn(&mut self, name: &'static str, mut command: Command) -> Result<(), StartError> {
        let path = self.folder.log_of(name);
        let files = |source| StartError::Files { action: format!("open the log {}", path.display()), source };
        let log = File::options().create(true).append(true).open(&path).map_err(files)?;
        let same_log = log.try_clone().map_err(files)?;
        command.stdin(Stdio::null()).stdout(log).stderr(same_log).current_dir(self.folder.state());
        self.watchdog.watch(&mut command);
        let process =
            command.spawn().map_err(|source| StartError::Execute { program: command.get_program().into(), source })?;
        self.servers.push(Server { name, process });
        Ok(())
    }

    /// Makes the process of this command end when the servers do, without being one of them.
    pub(crate) fn watch(&self, command: &mut Command) {
        self.watchdog.watch(command);
    }

    /// Checks that all servers still run.
    ///
    /// # Errors
    /// The first server that ended, with its last words.
    pub(crate) fn check(&mut self) -> Result<(), StartError> {
        for server in &mut self.servers {
            // An error means that the process cannot be waited for, which the owner of a child never meets.
            if let Ok(Some(status)) = server.process.try_wait() {
                let server = server.name;
                return Err(StartError::Ended {
                    server,
                    status,
                    last_lines: self.last_lines(server),
                    logs: self.folder.logs(),
                });
            }
        }
        Ok(())
    }

    /// The last lines of this server's log.
    pub(crate) fn last_lines(&self, server: &str) -> String {
        last_lines_of(&self.folder.log_of(server))
    }

    /// Ends one server at once and waits until it is gone. Does nothing when it does not run.
    pub(crate) fn kill(&mut self, name: &str) {
        for server in self.servers.extract_if(.., |server| server.name == name) {
            end(server);
        }
    }

    /// From now on the end leaves the logs in place.
    pub(crate) fn keep_logs(&mut self) {
        self.keep_logs = true;
    }
}

impl Drop for ServerGroup {
    /// Later servers depend on earlier ones, so the last goes first. They are killed: nobody needs their data.
    fn drop(&mut self) {
        while let Some(server) = self.servers.pop() {
            end(server);
        }
        self.watchdog.end(self.keep_logs);
    }
}

/// Both calls fail only for a process that is gone already.
fn end(mut server: Server) {
    server.process.kill().ok();
    server.process.wait().ok();
}

fn last_lines_of(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_else(|error| format!("(cannot read {}: {error})", log.display()));
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_of_a_log_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("etcd.log");
        let text: Vec<_> = (1..=40).map(|number| format!("line {number}")).collect();
        fs::write(&log, text.join("\n")).unwrap();
        let shown = last_lines_of(&log);
        assert!(shown.starts_with("line 26\n") && shown.ends_with("line 40"), "{shown}");
    }
}
