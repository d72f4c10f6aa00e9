//! The flags that the documents list are those of the program.

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use gl_k8s_integrator::commands::Cli;

use crate::pages::{code, page, rows};

#[test]
fn the_list_of_flags_with_variables_and_defaults_is_complete_and_right() {
    let mut cli = Cli::command();
    cli.build();
    let run = cli.find_subcommand("run").unwrap();
    let flags = run.get_arguments().filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()));
    let given: BTreeSet<_> = flags
        .map(|argument| {
            let default = argument.get_default_values().first();
            (
                format!("--{}", argument.get_long().unwrap()),
                argument.get_env().unwrap().to_str().unwrap().to_owned(),
                default.map_or("none".to_owned(), |value| format!("`{}`", value.to_str().unwrap())),
            )
        })
        .collect();
    let listed: BTreeSet<_> = rows(&page("docs/administrators/install.md").section("## Settings of the operator"))
        .iter()
        .map(|row| (code(&row[0])[0].clone(), code(&row[1])[0].clone(), row[2].clone()))
        .collect();
    assert_eq!(listed, given);
}
