//! Starts the servers one after the other and waits until they do their work.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout};

use crate::access::{Access, CONTROLLER_MANAGER_KUBECONFIG};
use crate::binaries::Binaries;
use crate::certificates::Certificates;
use crate::control_plane::Options;
use crate::error::StartError;
use crate::folder::Folder;
use crate::group::ServerGroup;
use crate::ports::free_port;
use crate::servers::{self, API_SERVER, CONTROLLER_MANAGER, ETCD};

/// How often a lost port is replaced by another.
const PORT_ATTEMPTS: u32 = 5;
/// How often readiness is asked for, and how long one answer may take.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// A control plane that runs, and how to reach it.
pub(crate) struct Started {
    pub(crate) group: ServerGroup,
    pub(crate) access: Access,
    pub(crate) port: u16,
}

/// Starts all servers.
pub(crate) async fn start(binaries: &Binaries, options: &Options) -> Result<Started, StartError> {
    start_on(free_port, binaries, options).await
}

/// Starts all servers, with another port again when the chosen one was lost.
async fn start_on(
    mut choose_port: impl FnMut() -> Result<u16, StartError>,
    binaries: &Binaries,
    options: &Options,
) -> Result<Started, StartError> {
    let mut attempt = 1;
    loop {
        match attempt_start(binaries, options, choose_port()?, attempt == PORT_ATTEMPTS).await {
            Err(error) if error.is_lost_port() && attempt < PORT_ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

async fn attempt_start(
    binaries: &Binaries,
    options: &Options,
    port: u16,
    is_last: bool,
) -> Result<Started, StartError> {
    let folder = Folder::create()?;
    let mut group = ServerGroup::new(folder.clone())?;
    let certificates = Certificates::generate()?;
    servers::write_files(&folder, &certificates)?;
    let access = Access::prepare(&folder, &certificates, port)?;
    match start_servers(&mut group, binaries, options, &access, port).await {
        Ok(()) => Ok(Started { group, access, port }),
        Err(error) => {
            if is_last || !error.is_lost_port() {
                group.keep_logs();
            }
            Err(error)
        }
    }
}

async fn start_servers(
    group: &mut ServerGroup,
    binaries: &Binaries,
    options: &Options,
    access: &Access,
    port: u16,
) -> Result<(), StartError> {
    let folder = group.folder().clone();
    group.spawn(ETCD, servers::etcd(binaries, &folder))?;
    start_api_server(group, binaries, options, access, port).await?;
    group.spawn(CONTROLLER_MANAGER, servers::controller_manager(binaries, &folder, CONTROLLER_MANAGER_KUBECONFIG))?;
    wait_for_controllers(group, options, access).await
}

/// Starts the API server and waits until it says that it is ready.
pub(crate) async fn start_api_server(
    group: &mut ServerGroup,
    binaries: &Binaries,
    options: &Options,
    access: &Access,
    port: u16,
) -> Result<(), StartError> {
    let command = servers::api_server(binaries, group.folder(), port, &options.api_server_flags);
    group.spawn(API_SERVER, command)?;
    let client = client(access)?;
    wait_until(group, options.ready_within, API_SERVER, "a ready API server", || is_ready(&client)).await
}

async fn is_ready(client: &Client) -> bool {
    match http::Request::get("/readyz").body(Vec::new()) {
        Ok(request) => client.request_text(request).await.is_ok(),
        Err(_) => false,
    }
}

async fn wait_for_controllers(group: &mut ServerGroup, options: &Options, access: &Access) -> Result<(), StartError> {
    let client = client(access)?;
    wait_until(group, options.ready_within, CONTROLLER_MANAGER, "working controllers", || controllers_work(&client))
        .await
}

/// Looks for the first things that the controllers bring about in every new cluster: the default service account and the
/// published root certificate. The other controllers start in the same moment.
async fn controllers_work(client: &Client) -> bool {
    let service_accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    service_accounts.get("default").await.is_ok() && config_maps.get("kube-root-ca.crt").await.is_ok()
}

fn client(access: &Access) -> Result<Client, StartError> {
    // Asking again is our business here, so that a server that ended is noticed at once.
    let mut config = access.admin_config();
    config.default_retry = false;
    Client::try_from(config).map_err(|error| StartError::Client(Box::new(error)))
}

/// Asks until the answer is yes, a server ended, or the time is over.
async fn wait_until<Answer: Future<Output = bool>>(
    group: &mut ServerGroup,
    limit: Duration,
    server: &'static str,
    awaited: &'static str,
    is_there: impl Fn() -> Answer,
) -> Result<(), StartError> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        group.check()?;
        if timeout(ANSWER_LIMIT, is_there()).await.unwrap_or(false) {
            return Ok(());
        }
        sleep(POLL_INTERVAL).await;
    }
    Err(StartError::NotReady {
        awaited,
        limit,
        server,
        last_lines: group.last_lines(server),
        logs: group.folder().logs(),
    })
}

/// Used by restarts: the port is the old one, so a lost port is waited for.
pub(crate) async fn restart_api_server(
    group: &mut ServerGroup,
    binaries: &Binaries,
    options: &Options,
    access: &Access,
    port: u16,
) -> Result<(), StartError> {
    let mut attempt = 1;
    loop {
        match start_api_server(group, binaries, options, access, port).await {
            Err(error) if error.is_lost_port() && attempt < PORT_ATTEMPTS => {
                group.kill(API_SERVER);
                sleep(POLL_INTERVAL * 2_u32.pow(attempt)).await;
                attempt += 1;
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_port_lost_to_somebody_else_is_replaced_by_another() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let mut ports = [port, free_port().unwrap()].into_iter();
        let binaries = Binaries::find().unwrap();
        let started = start_on(|| Ok(ports.next().unwrap()), &binaries, &Options::default()).await.unwrap();
        assert_ne!(started.port, port);
        assert_eq!(started.access.server_url, format!("https://127.0.0.1:{}", started.port));
    }
}
