//! Starts a control plane, prints how to reach it, and keeps it until Ctrl-C or SIGTERM.

use std::process::ExitCode;

use control_plane::{ControlPlane, Options};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
Starts etcd, kube-apiserver and kube-controller-manager on loopback, prints the KUBECONFIG to use, and stays until Ctrl-C.
Usage: control-plane";

#[tokio::main]
async fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => match run().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("control-plane: {error}");
                ExitCode::FAILURE
            }
        },
        Some("-h" | "--help") => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Some(argument) => {
            eprintln!("control-plane: unknown argument {argument}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    eprintln!("control-plane: starting");
    let control_plane = ControlPlane::start(&Options::default()).await?;
    // Before anything is printed: whoever reads it may send a signal at once. Until here a signal just ends this process,
    // and the watchdog the servers.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    println!("export KUBECONFIG={}", control_plane.kubeconfig().display());
    eprintln!(
        "control-plane: ready at {}, kubectl is {}, logs are in {}; Ctrl-C ends it",
        control_plane.server_url(),
        control_plane.kubectl_path().display(),
        control_plane.logs().display(),
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    control_plane.stop().await;
    Ok(())
}
