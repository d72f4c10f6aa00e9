//! A small process that ends the servers when their owner is gone, however it ended.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::error::StartError;
use crate::folder::Folder;

/// Reads standard input until the owner, who alone holds the other end, writes a word or is gone. A pipe is used because
/// nothing can keep the kernel from closing it: not a panic, not SIGKILL. Then it removes the folder (after the word
/// `keep` all but the logs) and kills its process group: every server, and itself.
///
/// It ignores the signals by which whole sessions are ended, because its work begins only then. Removing comes first
/// because nothing can come after killing; the second try is for a file that a server created meanwhile.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
read -r word
if [ "$word" = keep ]; then gone=$1/state; else gone=$1; fi
rm -rf -- "$gone" || rm -rf -- "$gone"
kill -KILL 0
"#;

/// The watchdog of one control plane. It leads the process group in which the servers run, apart from the owner's group,
/// so that Ctrl-C on a terminal reaches the owner only.
#[derive(Debug)]
pub(crate) struct Watchdog {
    process: Child,
    /// `None` once it was told to end.
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    pub(crate) fn start(folder: &Folder) -> Result<Self, StartError> {
        let mut process = Command::new("sh")
            .args(["-c", SCRIPT, "control-plane-watchdog"])
            .arg(folder.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| StartError::Execute { program: PathBuf::from("sh"), source })?;
        let pipe = process.stdin.take();
        Ok(Self { process, pipe })
    }

    /// Makes the process of this command a member of the group that the watchdog kills, from its first moment on.
    pub(crate) fn watch(&self, command: &mut Command) {
        // A process id is a positive i32 on Linux; were it not, spawning would fail in setpgid.
        command.process_group(i32::try_from(self.process.id()).unwrap_or(i32::MAX));
    }

    /// Kills the group and removes the folder, and waits until that is done.
    pub(crate) fn end(&mut self, keep_logs: bool) {
        let pipe = self.pipe.take();
        if keep_logs && let Some(mut pipe) = pipe.as_ref() {
            // If the watchdog is gone there is nobody to tell, and no folder was removed.
            pipe.write_all(b"keep\n").ok();
        }
        drop(pipe);
        self.process.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn sleeping() -> Command {
        let mut command = Command::new("sleep");
        command.arg("30");
        command
    }

    #[test]
    fn the_end_of_the_pipe_kills_what_is_watched_and_nothing_else() {
        let folder = Folder::create().unwrap();
        let mut watchdog = Watchdog::start(&folder).unwrap();
        let mut watched = sleeping();
        watchdog.watch(&mut watched);
        let mut watched = watched.spawn().unwrap();
        // Had this child inherited the pipe, the watchdog would not see its end.
        let mut other = sleeping().spawn().unwrap();

        watchdog.end(false);

        assert_eq!(watched.wait().unwrap().signal(), Some(9));
        assert!(!folder.root().exists());
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn logs_stay_when_they_are_to_be_kept_and_nothing_else_does() {
        let folder = Folder::create().unwrap();
        folder.write("secret.key", "secret").unwrap();
        Watchdog::start(&folder).unwrap().end(true);
        assert!(folder.logs().exists());
        assert!(!folder.state().exists());
        std::fs::remove_dir_all(folder.root()).unwrap();
    }
}
