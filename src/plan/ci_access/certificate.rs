//! The method `ClusterCertificate`: one unmanaged cluster entry for each environment.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{Access, Foreign};
use crate::{
    api::DeliveredEntry,
    gitlab::{Cluster, ClusterSettings},
    plan::{
        credentials::hex,
        ownership::{EntryVerdict, Mark, OtherMappings, judge_entry},
    },
};

/// The key under which status records a cluster entry.
pub const KEY: &str = "cluster";

/// A cluster entry as it should be in GitLab: always the full object, since an update that omits
/// `namespace_per_environment` resets it (lib/api/project_clusters.rb).
#[derive(Clone, Debug)]
pub struct WantedCluster {
    /// Everything but the token; the name is our mark, the scope the environment's exact name.
    pub settings: ClusterSettings,
    /// The token. GitLab never gives it back.
    pub token: SecretString,
}

/// The entry of one environment.
pub fn wanted(access: Access<'_>) -> WantedCluster {
    WantedCluster {
        settings: ClusterSettings {
            name: access.mark.to_string(),
            enabled: true,
            managed: false,
            namespace_per_environment: true,
            environment_scope: access.environment.to_owned(),
            domain: access.endpoint.ingress_base_domain.clone(),
            api_url: access.endpoint.api_server.clone(),
            ca_cert: access.endpoint.ca_pem.as_deref().map(|pem| pem.trim().to_owned()),
            namespace: Some(access.namespace.to_owned()),
        },
        token: access.token.clone(),
    }
}

impl WantedCluster {
    /// What tells one content from another in status, the token included.
    pub fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        for part in [
            self.settings.api_url.as_str(),
            self.token.expose_secret(),
            self.settings.ca_cert.as_deref().unwrap_or_default(),
            self.settings.namespace.as_deref().unwrap_or_default(),
            self.settings.domain.as_deref().unwrap_or_default(),
        ] {
            digest.update(part.len().to_le_bytes());
            digest.update(part.as_bytes());
        }
        hex(&digest.finalize()[..8])
    }

    /// What status records once it was delivered.
    pub fn entry(&self) -> DeliveredEntry {
        DeliveredEntry { key: KEY.to_owned(), fingerprint: self.fingerprint() }
    }
}

/// What has to change among a project's cluster entries.
#[derive(Debug, Default)]
pub struct Changes {
    /// Missing ones.
    pub create: Vec<WantedCluster>,
    /// Ours, but different: as they are, and as they should be.
    pub update: Vec<(Cluster, WantedCluster)>,
    /// Ours and as wanted: id and scope.
    pub keep: Vec<(i64, String)>,
    /// Ours, but no longer wanted: id and scope.
    pub remove: Vec<(i64, String)>,
    /// In the way, and not ours.
    pub foreign: Vec<Foreign>,
}

/// What status recorded of an entry: its id and fingerprint.
pub type Recorded = (i64, String);

/// Compares what is wanted with a complete listing of the project's cluster entries; see
/// [`variables::changes`](super::variables::changes) for `recorded` and `undecided`.
pub fn changes(
    wanted: &[WantedCluster],
    live: &[Cluster],
    mark: &Mark,
    recorded: &dyn Fn(&str) -> Option<Recorded>,
    undecided: &dyn Fn(&str) -> bool,
    others: &dyn OtherMappings,
) -> Changes {
    let mut changes = Changes::default();
    let verdict = |live: &Cluster, as_wanted: bool| {
        let known = recorded(&live.settings.environment_scope).is_some_and(|(id, _)| id == live.id);
        judge_entry(Some(&live.settings.name), mark, known && as_wanted, others)
    };
    for want in wanted {
        let Some(live) = live.iter().find(|live| live.settings.environment_scope == want.settings.environment_scope)
        else {
            changes.create.push(want.clone());
            continue;
        };
        let token_delivered = recorded(&want.settings.environment_scope)
            .is_some_and(|(id, print)| id == live.id && print == want.fingerprint());
        match verdict(live, same_place(want, live)) {
            EntryVerdict::NotOurs { owner } => changes.foreign.push(Foreign {
                what: format!("cluster entry {}", live.id),
                scope: want.settings.environment_scope.clone(),
                owner,
            }),
            EntryVerdict::Ours if token_delivered && equal(want, live) => {
                changes.keep.push((live.id, want.settings.environment_scope.clone()));
            }
            EntryVerdict::Ours | EntryVerdict::Remark => changes.update.push((live.clone(), want.clone())),
        }
    }
    changes.remove = live
        .iter()
        .filter(|live| !undecided(&live.settings.environment_scope))
        .filter(|live| !wanted.iter().any(|want| want.settings.environment_scope == live.settings.environment_scope))
        .filter(|live| !matches!(verdict(live, false), EntryVerdict::NotOurs { .. }))
        .map(|live| (live.id, live.settings.environment_scope.clone()))
        .collect();
    changes
}

fn same_place(want: &WantedCluster, live: &Cluster) -> bool {
    live.settings.api_url == want.settings.api_url && live.settings.namespace == want.settings.namespace
}

/// Everything but the token, which cannot be read. GitLab trims the certificate.
fn equal(want: &WantedCluster, live: &Cluster) -> bool {
    let mut live = live.settings.clone();
    live.ca_cert = live.ca_cert.map(|pem| pem.trim().to_owned());
    live == want.settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ci_access::Endpoint, ownership::Others};

    fn mark() -> Mark {
        Mark { cluster: "ICC".into(), cluster_uid: "u1".into(), mapping: "web".into() }
    }

    fn want() -> WantedCluster {
        let endpoint =
            Endpoint { api_server: "https://k:6443".into(), ca_pem: Some("PEM\n".into()), ingress_base_domain: None };
        wanted(Access {
            environment: "production",
            namespace: "web-42-production",
            token: &SecretString::from("TOKEN"),
            endpoint: &endpoint,
            kubeconfig: true,
            protected: true,
            mark: &mark(),
        })
    }

    fn live() -> Cluster {
        Cluster {
            id: 7,
            settings: ClusterSettings {
                name: mark().to_string(),
                enabled: true,
                managed: false,
                namespace_per_environment: true,
                environment_scope: "production".into(),
                domain: None,
                api_url: "https://k:6443".into(),
                namespace: Some("web-42-production".into()),
                ca_cert: Some("PEM".into()),
            },
        }
    }

    fn compare(live: &Cluster, recorded: Option<Recorded>) -> Changes {
        let others = Others(&[]);
        changes(&[want()], std::slice::from_ref(live), &mark(), &|_| recorded.clone(), &|_| false, &others)
    }

    #[test]
    fn an_entry_is_kept_only_when_its_token_is_known_to_be_delivered() {
        assert_eq!(compare(&live(), Some((7, want().fingerprint()))).keep, [(7, "production".to_owned())]);
        for recorded in [None, Some((8, want().fingerprint())), Some((7, "old".to_owned()))] {
            assert_eq!(compare(&live(), recorded).update.len(), 1);
        }
    }

    #[test]
    fn an_edited_entry_is_written_whole() {
        let edits: [fn(&mut Cluster); 6] = [
            |live| live.settings.enabled = false,
            |live| live.settings.managed = true,
            |live| live.settings.namespace_per_environment = false,
            |live| live.settings.api_url = "https://elsewhere".into(),
            |live| live.settings.namespace = Some("kube-system".into()),
            |live| live.settings.domain = Some("x.example".into()),
        ];
        for edit in edits {
            let mut live = live();
            edit(&mut live);
            assert_eq!(compare(&live, Some((7, want().fingerprint()))).update.len(), 1, "{live:?}");
        }
    }

    #[test]
    fn a_foreign_entry_is_neither_overwritten_nor_removed() {
        let mut foreign = live();
        foreign.settings.name = "somebody's".into();
        let changes = compare(&foreign, None);
        assert_eq!((changes.foreign.len(), changes.update.len(), changes.remove.len()), (1, 0, 0));
        let renamed = compare(&foreign, Some((7, want().fingerprint())));
        assert_eq!(renamed.update.len(), 1, "ours by id and content: the mark is restored");
        let mut elsewhere = live();
        elsewhere.settings.environment_scope = "staging".into();
        assert_eq!(compare(&elsewhere, None).remove, [(7, "staging".to_owned())]);
        let mut foreign_elsewhere = foreign;
        foreign_elsewhere.settings.environment_scope = "staging".into();
        assert!(compare(&foreign_elsewhere, None).remove.is_empty());
    }
}
