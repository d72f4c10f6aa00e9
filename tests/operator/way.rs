//! The way from the operator to the GitLabs of the tests: production's own, but for what a test says about a URL.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use bytes::Bytes;
use gl_k8s_integrator::gitlab::{HttpOptions, Transport, TransportError, http_transport};
use http::{Request, Uri};
use tower::ServiceExt as _;

/// What is special about the way to a URL.
#[derive(Clone)]
enum Special {
    /// Whoever goes there gives up after a second.
    Impatient,
    /// Its host name leads to this address.
    LeadsTo(String),
}

static SPECIAL: Mutex<BTreeMap<String, Special>> = Mutex::new(BTreeMap::new());

/// From the next connection on the operator waits for the GitLab at `url` no longer than a second.
pub fn impatient_with(url: &str) {
    SPECIAL.lock().unwrap().insert(url.to_owned(), Special::Impatient);
}

/// From the next connection on the name in `url` leads to the GitLab at `address`, as if somebody had mended the DNS.
pub fn leads_to(url: &str, address: &str) {
    SPECIAL.lock().unwrap().insert(url.to_owned(), Special::LeadsTo(address.to_owned()));
}

/// The transport to a URL.
pub fn connect(url: &str, ca: Option<&str>) -> Result<Transport, TransportError> {
    let options = HttpOptions { extra_ca_pem: ca.map(str::to_owned), ..HttpOptions::default() };
    let special = SPECIAL.lock().unwrap().get(url).cloned();
    match special {
        None => http_transport(&options),
        Some(Special::Impatient) => http_transport(&HttpOptions { total_timeout: Duration::from_secs(1), ..options }),
        Some(Special::LeadsTo(address)) => {
            let transport = http_transport(&options)?;
            Ok(Transport::new(transport.map_request(move |request| redirected(request, &address))))
        }
    }
}

fn redirected(mut request: Request<Bytes>, address: &str) -> Request<Bytes> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = format!("{address}{path}").parse::<Uri>().unwrap();
    request
}
