//! The report: what is well, how it is written, what it does not do.

use crate::bed::{CLUSTERS, LEGACY, VARIABLES, eventually, in_the_cluster};
use crate::process::{finished, texts};

#[test]
fn where_all_is_well_nothing_is_found_and_every_check_was_made() {
    in_the_cluster(async |cluster| {
        let seen = cluster.doctor(&["--strict"]).await;
        seen.found(&[]);
        let made = seen.report["findings"].as_array().unwrap();
        for (check, _) in gl_k8s_integrator::commands::doctor::checks::CHECKS {
            assert!(made.iter().any(|finding| finding["check"] == check.as_str()), "{} was not made", check.as_str());
        }
        for mapping in [VARIABLES, CLUSTERS, LEGACY] {
            let object = format!("ProjectMapping/{mapping}/production");
            let confined = |finding: &&serde_json::Value| {
                finding["check"] == "credential.confined" && finding["object"] == *object
            };
            assert!(made.iter().any(|finding| confined(&finding)), "{object}");
        }
        assert_eq!(seen.report["summary"]["ok"], made.len());
    });
}

#[test]
fn with_the_operators_account_it_says_what_it_could_not_check() {
    in_the_cluster(async |cluster| {
        let seen = cluster.doctor_as_operator(&[]).await;
        let mut expected = vec![
            ("Unchecked", "kinds", "CustomResourceDefinition/gitlabinstances.gl-k8s.dev"),
            ("Unchecked", "kinds", "CustomResourceDefinition/namespaceclasses.gl-k8s.dev"),
            ("Unchecked", "kinds", "CustomResourceDefinition/projectmappings.gl-k8s.dev"),
            ("Unchecked", "credential.confined", "RoleBinding/*"),
            ("Unchecked", "policy.effective", "ValidatingAdmissionPolicy/gl-k8s-integrator-claims"),
        ];
        let policies = ["claims", "fence", "minted-tokens"].map(|name| {
            ["", "Binding"].map(|kind| format!("ValidatingAdmissionPolicy{kind}/gl-k8s-integrator-{name}"))
        });
        expected.extend(policies.iter().flatten().map(|object| ("Unchecked", "policy.installed", object.as_str())));
        seen.found(&expected);
        assert_eq!(cluster.doctor_as_operator(&["--strict"]).await.code, Some(2));
    });
}

#[test]
fn with_names_it_looks_at_these_mappings_only() {
    in_the_cluster(async |cluster| {
        let seen = cluster.doctor(&[LEGACY]).await;
        let objects = seen.report["findings"].as_array().unwrap().iter().map(|finding| finding["object"].to_string());
        let mappings: Vec<_> = objects.filter(|object| object.contains("ProjectMapping/")).collect();
        assert!(mappings.iter().all(|object| object.contains(LEGACY)) && mappings.len() > 5, "{mappings:?}");
        let kubeconfig = [("KUBECONFIG", cluster.control_plane.kubeconfig().to_str().unwrap())];
        let output = finished(&["doctor", LEGACY, "nobody"], &kubeconfig, "").await;
        let (text, errors) = texts(&output);
        assert_eq!((output.status.code(), text.as_str()), (Some(1), ""));
        assert!(errors.contains("there is no ProjectMapping nobody"), "{errors}");
    });
}

#[test]
fn the_text_is_short_where_all_is_well() {
    in_the_cluster(async |cluster| {
        let kubeconfig = [("KUBECONFIG", cluster.control_plane.kubeconfig().to_str().unwrap())];
        let (text, errors) = texts(&finished(&["doctor"], &kubeconfig, "").await);
        assert_eq!(errors, "");
        cluster.holds_no_secret(&text).await;
        assert!(text.contains("ok        kinds  3 objects\n"), "{text}");
        assert!(text.ends_with(" well, 0 unchecked, 0 warnings, 0 errors\n"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains("remedy"), "{text}");
        let checks = gl_k8s_integrator::commands::doctor::checks::CHECKS.len();
        assert_eq!(text.lines().count(), checks + 1, "one line for each check: {text}");
    });
}

#[test]
fn without_a_cluster_the_checks_cannot_be_made() {
    in_the_cluster(async |_| {
        let output = finished(&["doctor"], &[], "").await;
        let (text, errors) = texts(&output);
        assert_eq!((output.status.code(), text.as_str()), (Some(1), ""));
        assert!(errors.contains("KUBECONFIG"), "{errors}");
    });
}

#[test]
fn it_writes_nothing_neither_in_the_cluster_nor_in_gitlab() {
    in_the_cluster(async |cluster| {
        let operator = "system:serviceaccount:gl-k8s-integrator:gl-k8s-integrator";
        let writes = |user: &str| cluster.control_plane.writes_by(user).unwrap();
        let before = [writes("admin").len(), writes(operator).len()];
        cluster.campus.simulator.clear_requests();
        cluster.doctor(&[]).await;
        cluster.doctor_as_operator(&[]).await;
        // The last thing that is asked shows that the log is complete.
        let asked = |user: &str, count: usize| {
            writes(user)[count..].iter().filter(|write| write.resource.contains("reviews")).count()
        };
        eventually("the questions are on record", async || {
            if asked("admin", before[0]) > 50 && asked(operator, before[1]) > 50 {
                Ok(())
            } else {
                Err("none yet".into())
            }
        })
        .await;
        for (user, count) in ["admin", operator].into_iter().zip(before) {
            for write in &writes(user)[count..] {
                let question = write.verb == "create" && write.resource.ends_with("reviews");
                assert!(question || write.dry_run, "{user}: {write:?}");
                // A dry-run that the policies refuse, or else that they should have refused.
                assert!(question || write.status == 403, "{user}: {write:?}");
            }
        }
        let requests = cluster.campus.simulator.requests();
        assert!(requests.len() > 10, "{requests:?}");
        assert!(requests.iter().all(|request| request.method == "GET"), "{requests:?}");
    });
}
