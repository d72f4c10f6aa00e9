//! The one table of reasons: what each means and what to do about it. `docs/administrators/conditions.md` is made
//! from it.

macro_rules! reasons {
    ($($(#[$group:meta])* $name:ident: $meaning:literal, $remedy:literal;)+) => {
        /// Why a condition says what it says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)+
        }

        /// Every reason with its meaning and its remedy, in the order of the documents.
        pub const REASONS: &[(Reason, &str, &str)] = &[$((Reason::$name, $meaning, $remedy),)+];

        impl Reason {
            /// The reason as conditions, events and metrics spell it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

reasons! {
    Ready: "Everything is as declared.", "Nothing to do.";
    Active: "The project exists and is active.", "Nothing to do.";
    Delivered: "GitLab holds the current credentials.", "Nothing to do.";
    NotRequested: "The mapping asks for no CI access (`method: None`).", "Nothing to do.";
    InUse: "Mappings still name this object, so that its deletion waits.", "Delete the mappings that the message names, or let them name another object.";
    Paused: "The mapping is paused: nothing but its status is kept up, and tokens are not renewed.", "Set `spec.paused` to false before the token ends.";
    Progressing: "The work has begun and goes on by itself.", "Wait; the message says for what.";
    DeletionHeld: "Many namespaces were deleted at once, so that the deletion of this mapping's namespaces waits for a person. Its credentials are revoked.", "Release it with the command in the message, or keep the namespaces with `deletionPolicy: Retain`.";
    Deleting: "The mapping is being deleted and its credentials are being withdrawn.", "Wait; the message says what is still to be removed.";

    InvalidSpec: "A field cannot be worked with, although admission let it pass.", "Correct the field that the message names.";
    InstanceNotFound: "The mapping names a GitLabInstance that does not exist.", "Create it, or name another one in a new mapping (the field is immutable).";
    ClassNotFound: "The mapping names a NamespaceClass that does not exist.", "Create it, or correct `spec.class`.";
    AlreadyMapped: "Another mapping holds the project.", "Delete this mapping, or the one that the message names.";

    TokenSecretMissing: "The Secret with the GitLab token is missing, or lacks the key `token` or `url`.", "Create it in the operator's namespace with both keys.";
    TokenSecretMisplaced: "The Secret's key `url` is not the instance's URL, so its token is not sent there.", "Correct the key `url`, or name the Secret that belongs to this GitLab.";
    TokenInvalid: "GitLab does not know the token.", "Put a valid token into the Secret.";
    TokenExpired: "The GitLab token has expired.", "Make a new one in GitLab and put it into the Secret.";
    TokenRevoked: "The GitLab token was revoked.", "Make a new one in GitLab and put it into the Secret.";
    TokenScopeInsufficient: "The GitLab token lacks the scope `api`.", "Make a token with the scope `api` and put it into the Secret.";
    CaCertificateMissing: "A ConfigMap with a CA certificate is missing, lacks the key, or holds no PEM certificate.", "Create the ConfigMap in the operator's namespace, or correct the reference.";
    GitLabUnreachable: "GitLab does not answer, or the connection to it breaks.", "See to the network, the name and the server; it is tried again by itself.";
    GitLabCertificateUntrusted: "The TLS certificate of GitLab is not trusted.", "Give its CA in `spec.caCertificate` of the GitLabInstance, or mend the certificate.";
    GitLabTooOld: "GitLab is older than 17.0.", "Upgrade GitLab.";
    GitLabRateLimited: "GitLab asks for fewer requests.", "Wait, or raise the limits in GitLab's settings; it is tried again when GitLab allows it.";
    GitLabUnexpectedAnswer: "What answers at the instance's URL does not speak GitLab's API: HTML, a redirect, or something else.", "Correct `url`, or exempt the API from the proxy or login page in front of it.";
    GitLabFailed: "GitLab answered with an error of its own.", "See GitLab's logs; it is tried again by itself.";

    ProjectNotFound: "The project does not exist, or the token may not see it.", "Correct the path or id in a new mapping, or make the token's user a Maintainer of the project.";
    ProjectGone: "GitLab no longer knows the project's id, or the token may no longer see it. Nothing is deleted.", "If the project was deleted, delete the mapping; otherwise give the token's user its role back.";
    ProjectArchived: "The project is archived; nothing is delivered or deleted.", "Unarchive the project, or delete the mapping.";
    ProjectMarkedForDeletion: "The project is marked for deletion; nothing is delivered or deleted.", "Restore the project, or delete the mapping.";
    ProjectForbidden: "The token's user may not do what is needed in the project.", "Make it a Maintainer of the project.";
    FeatureSwitchedOff: "CI/CD, environments or infrastructure are switched off in the project.", "Switch them on under Settings > General > Visibility.";

    NamespaceTaken: "A namespace of the wanted name exists and does not carry this mapping's claim.", "Remove or rename what stands in the way, or have it adopted; the operator takes nothing over by itself.";
    AdoptionPending: "A namespace is to be adopted, and one of the two acts that this takes is missing.", "Do what the message says, or remove what was done.";
    AdoptionRefused: "A namespace cannot be adopted: it is another one than was meant, carries somebody's marks, is reserved, does not exist, or has not the name of a namespace of this mapping.", "Correct the annotation `gl-k8s.dev/adopt-namespace` as the message says, or remove it.";
    NamespaceReserved: "The wanted namespace is reserved.", "Rename the project, or set a `namespacePrefix` in a new GitLabInstance.";
    NamespaceNameInvalid: "The computed name is no RFC 1123 label.", "Rename the project or the environment.";
    NamespaceTerminating: "The namespace is being deleted.", "Wait until it is gone; if that takes long, see the conditions of the namespace.";
    ClaimLost: "The namespace lost the operator's label and is left alone.", "Label it again with the command in the message, or delete the mapping.";
    SlugTaken: "Another environment of the project has the same slug.", "Rename one of the two environments.";
    EnvironmentRefused: "GitLab refused to create the environment.", "Correct the name as the message says.";
    ClusterRoleNotFound: "The class names a ClusterRole that does not exist.", "Create it, or name another one in `spec.serviceAccount.clusterRole` of the NamespaceClass.";
    KubernetesRefused: "The API server refused an object.", "Correct the class or the role as the message says.";
    KubernetesForbidden: "The operator has no right for what the mapping needs.", "Grant it: for a ClusterRole of your own, `bind` by name (see the installation guide).";
    KubernetesUnavailable: "The API server did not answer in time.", "It is tried again by itself.";
    InternalError: "The operator met a fault of its own while it worked on the object.", "See the operator's log and report the fault; the other objects are not affected, and it is tried again by itself.";
    TokenPending: "The token has not been issued yet.", "Wait; if it lasts, see whether the token controller runs.";

    NotOurs: "A variable or cluster entry of the same name and scope exists in GitLab without this mapping's mark.", "Remove it in GitLab, or leave it and choose another environment or method.";
    ApiUrlRefused: "GitLab refuses the API server's address as a local one.", "Allow requests to the local network in GitLab's settings (Admin > Settings > Network > Outbound requests), or use the method Variables.";
    CertificateBasedClustersOff: "GitLab's feature flag `certificate_based_clusters` is off.", "Switch it on, or use the method Variables.";
    GitLabRefused: "GitLab refused an entry.", "Correct what the message says.";
    RemovalPending: "Entries that the operator made in GitLab cannot be removed now.", "See the message; they are removed as soon as GitLab allows it.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_spelt_as_kubernetes_wants_it_and_says_what_to_do() {
        for (reason, meaning, remedy) in REASONS {
            assert!(reason.as_str().chars().all(|c| c.is_ascii_alphanumeric()), "{reason:?}");
            assert!(meaning.ends_with('.') && remedy.ends_with('.'), "{reason:?}");
        }
    }
}
