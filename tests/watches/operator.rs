//! A whole operator in this process, at the end of a wire.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body as AxumBody};
use bytes::Bytes;
use control_plane::ControlPlane;
use gl_k8s_integrator::{
    commands::run::client,
    context::{Chance, Context, Settings},
    controllers::{self, Limits, Watching},
    gitlab::{Transport, TransportError, TransportErrorKind},
    leadership::Claim,
    plan::brake::Brake,
};
use http::Request;
use http_body_util::BodyExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::{
    bed::OWN,
    campus::Campus,
    wire::{Trouble, Wire},
};

/// The simulated GitLabs by URL.
#[derive(Clone, Default)]
pub struct GitLabs(Arc<Mutex<HashMap<String, Router>>>);

impl GitLabs {
    pub fn add(&self, campus: &Campus) {
        self.0.lock().unwrap().insert(campus.url.clone(), campus.simulator.router());
    }

    fn transport(&self, url: &str) -> Result<Transport, TransportError> {
        let known = self.0.lock().unwrap().get(url).cloned();
        let router = known.ok_or_else(|| TransportError::new(TransportErrorKind::Connect, "no such GitLab"))?;
        Ok(Transport::new(tower::service_fn(move |request: Request<Bytes>| {
            let router = router.clone();
            async move {
                let answer = router.oneshot(request.map(AxumBody::from)).await.unwrap();
                let (head, body) = answer.into_parts();
                let body = body.collect().await;
                let body = body.map_err(|error| TransportError::new(TransportErrorKind::Cut, error.to_string()))?;
                Ok(http::Response::from_parts(head, body.to_bytes()))
            }
        })))
    }
}

/// An operator at work. Dropped, it is as if its process had ended.
pub struct Operator {
    pub wire: Arc<Wire>,
    work: JoinHandle<()>,
}

impl Operator {
    /// Starts one, with the rights of the manifests, and waits until its watches have begun.
    pub async fn start(control_plane: &ControlPlane, gitlabs: &GitLabs, limits: Limits) -> Self {
        Self::start_with(control_plane, gitlabs, limits, None).await
    }

    /// The same with trouble at the watches of what is kept from the beginning.
    pub async fn start_with(
        control_plane: &ControlPlane,
        gitlabs: &GitLabs,
        limits: Limits,
        trouble: Option<Trouble>,
    ) -> Self {
        let token = control_plane.token_for(OWN, OWN).await.unwrap();
        let wire = Arc::new(Wire::default());
        if let Some(trouble) = trouble {
            wire.strike_at_the_kept(trouble);
        }
        let kubernetes = wire.client(client(control_plane.client_config_with_token(&token)).unwrap());
        let (declarations, writers) = controllers::declarations();
        let gitlabs = gitlabs.clone();
        let settings = Settings {
            // Longer than any test waits: what a watch is to bring about is not brought about by the clock.
            project_refresh: Duration::from_secs(3600),
            bad_news: Duration::from_secs(3600),
            longest_backoff: Duration::from_secs(2),
            brake: Brake { limit: usize::MAX, ..Settings::default().brake },
            ..Settings::default()
        };
        let connect = Arc::new(move |url: &str, _: Option<&str>| gitlabs.transport(url));
        let context = Context::new(kubernetes, connect, declarations.clone(), settings);
        let context = Context { chance: Arc::new(Chance::seeded(3)), ..context };
        let watching = Watching { client: context.kubernetes.clone(), writers, limits };
        let work = controllers::run(Arc::new(context), watching, Claim::alone(), CancellationToken::new());
        let work = tokio::spawn(work);
        declarations.ready().await.unwrap();
        Self { wire, work }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.work.abort();
    }
}
