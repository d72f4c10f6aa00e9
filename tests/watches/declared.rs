//! What administrators write: our own kinds, and the Secrets and ConfigMaps in the operator's own namespace. Each of these
//! is changed, created or deleted for a mapping of its own.

use std::sync::atomic::{AtomicBool, Ordering};

use gl_k8s_integrator::api::{GitLabInstance, NamespaceClass};
use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota, Secret};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use crate::{bed::OWN, campus::Campus};

/// Something that is one way or the other. What it does to the mapping shows which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter {
    /// The class is there, or was torn out.
    Class,
    /// The instance is there, or was torn out.
    Instance,
    /// The Secret with the GitLab token is there or not.
    Secret,
    /// It holds a good token or a bad one.
    Token,
    /// The ConfigMap with the cluster's CA is there or not.
    ConfigMap,
    /// It holds one certificate or two.
    Certificate,
    /// The class's quota.
    Quota,
    /// The instance's domain.
    Domain,
    /// Whether the mapping delivers a kubeconfig.
    Kubeconfig,
    /// The mapping is there, or being deleted.
    Mapping,
    /// Another mapping, which held the project, is there or was torn out.
    Holder,
}

pub const MATTERS: [Matter; 11] = [
    Matter::Class,
    Matter::Instance,
    Matter::Secret,
    Matter::Token,
    Matter::ConfigMap,
    Matter::Certificate,
    Matter::Quota,
    Matter::Domain,
    Matter::Kubeconfig,
    Matter::Mapping,
    Matter::Holder,
];

/// A matter with a GitLab, an instance, a class and a mapping of its own.
pub struct Declared {
    pub campus: Campus,
    pub matter: Matter,
    /// The way it is now.
    on: AtomicBool,
    project: i64,
}

/// The mapping is refused for a reason, ready, or not there.
enum Expected {
    Ready,
    Refused(&'static str),
    Absent,
    /// One of two mappings is ready, the other one is refused.
    OneOfTwo,
}

const ENVIRONMENT: &str = "production";

impl Declared {
    /// Declares it, on or off.
    pub async fn new(matter: Matter, on: bool) -> Self {
        let name = format!("{matter:?}-{}", if on { "a" } else { "b" }).to_lowercase();
        let from_config_map = json!({"source": "ConfigMap", "configMap": {"name": name, "key": "ca.crt"}});
        let instance = match matter {
            Matter::ConfigMap | Matter::Certificate => json!({"cluster": {"caCertificate": from_config_map}}),
            _ => json!({}),
        };
        let campus = Campus::with(&name, instance, json!({})).await;
        let project = campus.project(&name).await;
        let declared = Self { campus, matter, on: AtomicBool::new(on), project };
        if matter == Matter::Holder {
            declared.hold(true).await;
        }
        declared.set(on).await;
        if matter != Matter::Mapping {
            declared.map(&declared.campus.name).await;
        }
        declared
    }

    pub fn describe(&self) -> String {
        format!("{:?} of {} is {}", self.matter, self.campus.name, if self.is_on() { "on" } else { "off" })
    }

    fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    async fn map(&self, mapping: &str) {
        self.campus.map(mapping, &self.campus.name, json!({"environments": [{"name": ENVIRONMENT}]})).await;
    }

    fn other_mapping(&self) -> String {
        format!("{}-holder", self.campus.name)
    }

    /// The other mapping must have the project before this one.
    async fn hold(&self, on: bool) {
        let other = self.other_mapping();
        if on {
            self.map(&other).await;
        } else {
            tear_out(&self.campus.mappings(), &other).await;
        }
    }

    /// Brings it to where it is thought to be, whatever became of it in a test before.
    pub async fn again(&self) {
        if self.matter == Matter::Holder && self.is_on() {
            // The holder is the one that was there first.
            tear_out(&self.campus.mappings(), &self.campus.name).await;
            self.hold(true).await;
            self.campus.until_ready(&self.other_mapping()).await;
            self.map(&self.campus.name).await;
            return;
        }
        self.set(self.is_on()).await;
    }

    /// Turns it over.
    pub async fn change(&self) {
        let on = !self.is_on();
        self.on.store(on, Ordering::Relaxed);
        self.set(on).await;
    }

    async fn set(&self, on: bool) {
        let campus = &self.campus;
        let name = &campus.name;
        match self.matter {
            Matter::Class if on => campus.declare_class(name, json!({})).await,
            Matter::Class => tear_out(&Api::<NamespaceClass>::all(campus.admin.clone()), name).await,
            Matter::Instance if on => campus.declare_instance(name, json!({})).await,
            Matter::Instance => tear_out(&Api::<GitLabInstance>::all(campus.admin.clone()), name).await,
            Matter::Secret if on => campus.write_token(&campus.token, &campus.url).await,
            Matter::Secret => tear_out(&Api::<Secret>::namespaced(campus.admin.clone(), OWN), name).await,
            Matter::Token => {
                let token = if on { &campus.token } else { "glpat-that-nobody-issued" };
                campus.write_token(token, &campus.url).await;
            }
            Matter::ConfigMap if !on => tear_out(&self.config_maps(), name).await,
            Matter::ConfigMap | Matter::Certificate => self.write_config_map(on).await,
            Matter::Quota => campus.declare_class(name, json!({"resourceQuota": {"hard": {"pods": pods(on)}}})).await,
            Matter::Domain => {
                campus.declare_instance(name, json!({"cluster": {"ingressBaseDomain": domain(on)}})).await;
            }
            Matter::Kubeconfig => {
                let spec = json!({"environments": [{"name": ENVIRONMENT}], "ciAccess": {"kubeconfig": on}});
                campus.map(name, name, spec).await;
            }
            Matter::Mapping if on => self.map(name).await,
            Matter::Mapping => {
                // It may be gone already.
                campus.mappings().delete(name, &DeleteParams::default()).await.ok();
            }
            Matter::Holder => self.hold(on).await,
        }
    }

    fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.campus.admin.clone(), OWN)
    }

    async fn write_config_map(&self, on: bool) {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self.campus.name},
            "data": {"ca.crt": self.certificates(on)}});
        let parameters = PatchParams::apply("test").force();
        self.config_maps().patch(&self.campus.name, &parameters, &Patch::Apply(object)).await.unwrap();
    }

    fn certificates(&self, on: bool) -> String {
        let one = self.campus.control_plane.ca_pem().trim();
        if on { one.to_owned() } else { format!("{one}\n{one}") }
    }

    fn expected(&self) -> Expected {
        match self.matter {
            Matter::Holder if self.is_on() => Expected::OneOfTwo,
            _ if self.is_on() => Expected::Ready,
            Matter::Class => Expected::Refused("ClassNotFound"),
            Matter::Instance => Expected::Refused("InstanceNotFound"),
            Matter::Secret => Expected::Refused("TokenSecretMissing"),
            Matter::Token => Expected::Refused("TokenInvalid"),
            Matter::ConfigMap => Expected::Refused("CaCertificateMissing"),
            Matter::Mapping => Expected::Absent,
            Matter::Certificate | Matter::Quota | Matter::Domain | Matter::Kubeconfig | Matter::Holder => {
                Expected::Ready
            }
        }
    }

    /// Whether the operator has taken it up.
    pub async fn taken_up(&self) -> Result<(), String> {
        let name = &self.campus.name;
        let shown = self.reason(name).await?;
        let as_expected = match self.expected() {
            Expected::Ready => shown.as_deref() == Some("Ready"),
            Expected::Refused(reason) => shown.as_deref() == Some(reason),
            Expected::Absent => shown.is_none(),
            Expected::OneOfTwo => {
                let mut both = [shown.clone(), self.reason(&self.other_mapping()).await?];
                both.sort();
                both == [Some("AlreadyMapped".to_owned()), Some("Ready".to_owned())]
            }
        };
        if !as_expected {
            return Err(format!("{name} shows {shown:?}"));
        }
        if matches!(self.expected(), Expected::Ready) { self.content().await } else { Ok(()) }
    }

    /// The reason of a mapping's condition `Ready` for its present generation, if the mapping is there.
    async fn reason(&self, mapping: &str) -> Result<Option<String>, String> {
        let Some(mapping) = self.campus.mappings().get_opt(mapping).await.map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let generation = mapping.metadata.generation;
        let mut conditions = mapping.status.unwrap_or_default().conditions.into_iter();
        let ready = conditions.find(|condition| condition.type_ == "Ready").ok_or("no condition yet")?;
        if ready.observed_generation == generation {
            Ok(Some(ready.reason))
        } else {
            Err(format!("{}: {} (generation {:?})", ready.reason, ready.message, ready.observed_generation))
        }
    }

    /// Whether what hangs on it is as it should be.
    async fn content(&self) -> Result<(), String> {
        let on = self.is_on();
        let job = self.campus.job(self.project, ENVIRONMENT, true).await;
        let value = |key: &str| job.get(key).map(String::as_str).unwrap_or_default();
        let seen = match self.matter {
            Matter::Quota => {
                let quota = self.campus.object::<ResourceQuota>(value("KUBE_NAMESPACE"), "gitlab-quota").await;
                let pods_now = quota.and_then(|quota| quota.spec?.hard?.remove("pods")).map(|pods| pods.0);
                pods_now.as_deref() == Some(pods(on))
            }
            Matter::Domain => value("KUBE_INGRESS_BASE_DOMAIN") == domain(on),
            Matter::Kubeconfig => job.contains_key("KUBECONFIG") == on,
            Matter::ConfigMap => value("KUBE_CA_PEM") == self.certificates(true),
            Matter::Certificate => value("KUBE_CA_PEM") == self.certificates(on),
            _ => !value("KUBE_TOKEN").is_empty(),
        };
        if seen { Ok(()) } else { Err(format!("ready, but the job sees {:?}", job.keys())) }
    }
}

fn pods(on: bool) -> &'static str {
    if on { "10" } else { "20" }
}

fn domain(on: bool) -> &'static str {
    if on { "icc.example.edu" } else { "other.example.edu" }
}

/// Deletes an object and waits for nobody: whoever wanted to clean up before comes too late.
async fn tear_out<K>(api: &Api<K>, name: &str)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    for _ in 0..100 {
        api.delete(name, &DeleteParams::default()).await.ok();
        let free = json!({"metadata": {"finalizers": null}});
        api.patch(name, &PatchParams::default(), &Patch::Merge(free)).await.ok();
        if api.get_opt(name).await.unwrap().is_none() {
            return;
        }
    }
    panic!("{name} does not go");
}
