//! The tokens that GitLab holds, and whether they are alive.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, header::AUTHORIZATION};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::{Api, ResourceExt as _, client::Body};
use serde_json::Value;

use crate::{subject::Subject, world::World};

/// What the jobs of an environment get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub environment: &'static str,
    pub namespace: String,
    pub token: String,
}

impl World {
    /// The tokens that jobs get now.
    pub async fn held(&self, subject: &Subject) -> Vec<Held> {
        let mut all = Vec::new();
        for environment in ["production", "staging"] {
            let mut seen = self.bench.campus.job(subject.project, environment, true).await;
            if let Some(token) = seen.remove("KUBE_TOKEN") {
                let namespace =
                    if subject.shared { subject.base.clone() } else { format!("{}-{environment}", subject.base) };
                all.push(Held { environment, namespace, token });
            }
        }
        all
    }

    /// Whether a token is alive: what it is bound to exists. The API server itself believes a token for ten seconds more
    /// after it saw it, so that it cannot be asked.
    pub async fn is_alive(&self, held: &Held) -> Result<(), String> {
        let bound = Bound::read(&held.token).ok_or("it is no token of a ServiceAccount")?;
        let admin = &self.bench.campus.admin;
        let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), &held.namespace);
        let account = accounts.get_opt(&bound.account).await.unwrap();
        let secrets: Api<Secret> = Api::namespaced(admin.clone(), &held.namespace);
        let secret = secrets.get_opt(&bound.secret).await.unwrap();
        bound.is_there(&held.token, account.as_slice(), secret.as_slice())
    }

    /// Whether a job can work with what it gets.
    pub async fn opens(&self, held: &Held) -> Result<(), String> {
        let mut answer = String::new();
        // A binding that was just made is seen by the API server a moment later.
        for _ in 0..200 {
            let path = format!("/api/v1/namespaces/{}/pods?limit=1", held.namespace);
            let request = Request::get(path).header(AUTHORIZATION, format!("Bearer {}", held.token));
            let response = self.anonymous.send(request.body(Body::empty()).unwrap()).await.unwrap();
            if response.status().is_success() {
                return Ok(());
            }
            answer = response.status().to_string();
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        Err(answer)
    }
}

impl Held {
    /// The same with what was found in its namespace.
    pub fn is_alive_among(&self, accounts: &[ServiceAccount], secrets: &[Secret]) -> Result<(), String> {
        let bound = Bound::read(&self.token).ok_or("it is no token of a ServiceAccount")?;
        bound.is_there(&self.token, accounts, secrets)
    }
}

/// What a token is bound to.
struct Bound {
    account: String,
    account_uid: String,
    secret: String,
    /// None for a token of a Secret of the type `kubernetes.io/service-account-token`, which is its only content.
    secret_uid: Option<String>,
}

impl Bound {
    fn read(token: &str) -> Option<Self> {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let payload: Value = serde_json::from_slice(&payload).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let legacy = |key: &str| text(&payload[format!("kubernetes.io/serviceaccount/{key}")]);
        let bound = &payload["kubernetes.io"];
        Some(match bound.is_object() {
            true => Self {
                account: text(&bound["serviceaccount"]["name"])?,
                account_uid: text(&bound["serviceaccount"]["uid"])?,
                secret: text(&bound["secret"]["name"])?,
                secret_uid: Some(text(&bound["secret"]["uid"])?),
            },
            false => Self {
                account: legacy("service-account.name")?,
                account_uid: legacy("service-account.uid")?,
                secret: legacy("secret.name")?,
                secret_uid: None,
            },
        })
    }

    fn is_there(&self, token: &str, accounts: &[ServiceAccount], secrets: &[Secret]) -> Result<(), String> {
        let account = accounts.iter().find(|account| account.name_any() == self.account);
        if account.and_then(|account| account.uid()).as_ref() != Some(&self.account_uid) {
            return Err(format!("its ServiceAccount {} is gone", self.account));
        }
        let Some(secret) = secrets.iter().find(|secret| secret.name_any() == self.secret) else {
            return Err(format!("its Secret {} is gone", self.secret));
        };
        let content = secret.data.as_ref().and_then(|data| data.get("token"));
        let same = match &self.secret_uid {
            Some(uid) => secret.uid().as_ref() == Some(uid),
            None => content.is_some_and(|content| content.0 == token.as_bytes()),
        };
        if same { Ok(()) } else { Err(format!("its Secret {} is another one", self.secret)) }
    }
}
