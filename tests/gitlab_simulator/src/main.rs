//! `gitlab-simulator`: the simulator as a program.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use gitlab_simulator::{Options, RunningSimulator, Simulator};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// An in-memory GitLab on loopback, set up through GitLab's own API. When ready it prints one line: its address.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Secret of the administrator's token (scopes `api` and `sudo`).
    #[arg(long, env = "GITLAB_SIMULATOR_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: String,
    /// Certificate chain (PEM); with it the simulator speaks HTTPS.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key (PEM) of the certificate.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// JSON lines `{"method","path","body"}` replayed with the administrator's token before the simulator is ready.
    #[arg(long)]
    seed: Option<PathBuf>,
    /// The version that the simulator says it is.
    #[arg(long, default_value = "19.3.0-ee")]
    gitlab_version: String,
    /// The address in `web_url` and `Link`; the listening one when not given.
    #[arg(long)]
    external_url: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gitlab-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    if !arguments.listen.ip().is_loopback() {
        return Err(format!("{} is no loopback address; the simulator must not be reachable", arguments.listen).into());
    }
    let options = Options {
        version: arguments.gitlab_version.clone(),
        external_url: arguments.external_url.clone(),
        ..Options::new(arguments.admin_token.clone())
    };
    let simulator = Simulator::new(options);
    // Bound but not yet served: nobody sees a half-seeded state, and answers already carry the right address.
    let listener = TcpListener::bind(arguments.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", arguments.listen))?;
    let tls = tls_config(&arguments)?;
    simulator.listens_at(&listener, tls.is_some())?;
    if let Some(path) = &arguments.seed {
        let seed = read(path)?;
        simulator.replay(&seed, &arguments.admin_token).await?;
    }
    simulator.clear_requests();
    let running = serve(&simulator, listener, tls)?;
    println!("{}", running.base_url());
    wait_for_end().await?;
    Ok(())
}

fn serve(
    simulator: &Simulator,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
) -> std::io::Result<RunningSimulator> {
    match tls {
        Some(tls) => simulator.serve_tls(listener, tls),
        None => simulator.serve(listener),
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn tls_config(arguments: &Arguments) -> Result<Option<Arc<ServerConfig>>, Box<dyn Error>> {
    let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) else { return Ok(None) };
    let chain = CertificateDer::pem_slice_iter(read(certificate)?.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("no certificate in {}: {error}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_slice(read(key)?.as_bytes())
        .map_err(|error| format!("no private key in {}: {error}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Some(Arc::new(config)))
}

async fn wait_for_end() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
