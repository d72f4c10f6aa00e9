//! What people see: colours on a terminal, unless they do not want them, and nowhere else.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process::Stdio,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::bed::in_the_cluster;
use crate::process::{command, finished, texts};

/// Runs the program with a terminal as its standard output; gives what stands there in the end.
fn on_a_terminal(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options().read(true).write(true).open(Path::new(std::ffi::OsStr::from_bytes(name.to_bytes())));
    let mut command = command(arguments, environment);
    command.stdin(Stdio::null()).stdout(theirs.unwrap()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // With it goes the last handle of the other end that this process has: reading ends with the program.
    drop(command);
    let mut text = Vec::new();
    let mut ours = File::from(ours);
    let mut part = [0; 4096];
    loop {
        match ours.read(&mut part) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Linux says so when nobody holds the other end any more (pty(7)).
            Err(_) => break,
        }
    }
    child.wait().unwrap();
    String::from_utf8(text).unwrap()
}

const ESCAPE: char = '\u{1b}';

#[test]
fn a_report_is_coloured_on_a_terminal_only_and_not_against_the_readers_will() {
    in_the_cluster(async |cluster| {
        let kubeconfig = cluster.control_plane.kubeconfig().to_str().unwrap().to_owned();
        let seen = async |wish: &'static [(&'static str, &'static str)]| {
            let kubeconfig = kubeconfig.clone();
            let run = move || on_a_terminal(&["doctor"], &[&[("KUBECONFIG", kubeconfig.as_str())], wish].concat());
            tokio::task::spawn_blocking(run).await.unwrap()
        };
        let coloured = seen(&[]).await;
        assert!(coloured.contains(ESCAPE) && coloured.contains("0 errors"), "{coloured}");
        // An empty value is none (no-color.org).
        assert!(seen(&[("NO_COLOR", "")]).await.contains(ESCAPE));
        let plain = seen(&[("NO_COLOR", "1")]).await;
        assert!(!plain.contains(ESCAPE) && plain.contains("0 errors"), "{plain}");
        let (piped, _) = texts(&finished(&["doctor"], &[("KUBECONFIG", &kubeconfig)], "").await);
        assert!(!piped.contains(ESCAPE) && piped.contains("0 errors"), "{piped}");
    });
}
