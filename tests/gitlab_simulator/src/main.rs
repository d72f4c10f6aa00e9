//! `gitlab-simulator`: the simulator as a program.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use gitlab_simulator::{Options, Simulator};
use tokio::net::TcpListener;

/// An in-memory GitLab on loopback, set up through GitLab's own API.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Secret of the administrator's token (scopes `api` and `sudo`).
    #[arg(long, env = "GITLAB_SIMULATOR_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let simulator = Simulator::new(Options::new(arguments.admin_token));
    let running = match TcpListener::bind(arguments.listen).await.and_then(|listener| simulator.serve(listener)) {
        Ok(running) => running,
        Err(error) => {
            eprintln!("cannot listen on {}: {error}", arguments.listen);
            return ExitCode::FAILURE;
        }
    };
    println!("{}", running.base_url());
    let _ = tokio::signal::ctrl_c().await;
    ExitCode::SUCCESS
}
