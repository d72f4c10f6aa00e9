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
/// Removing comes first because nothing can come after killing; the second try is for a file that a server created
/// meanwhile.
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
