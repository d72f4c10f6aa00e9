//! `gl-k8s-integrator plan`: what the operator would change, object by object and field by field, without changing it.
//!
//! It runs the operator's own reconcile with hands that only note down: there is no second account of what should exist.

mod report;

use std::{collections::BTreeMap, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use futures::{StreamExt as _, stream};
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

pub use report::{Planned, Report};

use super::{
    output::{Output, print},
    rules::RulesArgs,
    run::{all_installed, client, configuration},
};
use crate::{
    apply::hands::Notes,
    context::{Context, Sight},
    controllers,
    facts::declarations::Declarations,
    reconcile::{Key, reconcile},
};

/// What `plan` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct PlanArgs {
    /// Plan these mappings only; everything without a name
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// How the plan is written
    #[arg(short, long, value_enum, default_value = "text", value_name = "FORMAT")]
    output: Output,
    #[command(flatten)]
    rules: RulesArgs,
}

/// How many objects are looked at at the same time.
const AT_ONCE: usize = 8;
/// How long the listing of what is declared may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the program exits with when there are changes.
const CHANGES: u8 = 2;

/// Plans and writes the plan to standard output; `colours` for a terminal.
///
/// # Errors
/// When it cannot be made: the API server cannot be reached, the kinds are not installed, a name is unknown.
pub async fn run(args: PlanArgs, colours: bool) -> anyhow::Result<ExitCode> {
    let client = client(configuration().await?)?;
    all_installed(&client).await?;
    let (declarations, writers) = controllers::declarations();
    let watches = tokio::spawn(controllers::follow(client.clone(), writers));
    let listed = tokio::time::timeout(PATIENCE, declarations.ready()).await;
    listed.context("listing what is declared took too long")?.context("listing what is declared failed")?;
    let context = Context::for_reading(client, declarations, args.rules.settings());
    let planned = plan(&context, keys(&context.declarations, &args.names)?).await;
    watches.abort();

    let report = Report(planned);
    let written = print(|output| match args.output {
        Output::Text => report.write_text(output, colours),
        Output::Json => report.write_json(output),
    });
    written.context("could not write the plan")?;
    Ok(match report {
        report if report.has_problems() => ExitCode::FAILURE,
        report if report.has_changes() => ExitCode::from(CHANGES),
        _ => ExitCode::SUCCESS,
    })
}

/// What is looked at: the named mappings, or everything, in the order of names.
fn keys(declarations: &Declarations, names: &[String]) -> anyhow::Result<Vec<Key>> {
    if names.is_empty() {
        let instances = declarations.instances.state().into_iter().map(|object| Key::Instance(object.name_any()));
        let classes = declarations.classes.state().into_iter().map(|object| Key::Class(object.name_any()));
        let mappings = declarations.mappings.state().into_iter().map(|object| Key::Mapping(object.name_any()));
        let mut keys: Vec<_> = instances.chain(classes).chain(mappings).collect();
        keys.sort();
        return Ok(keys);
    }
    for name in names {
        if declarations.mappings.get(&ObjectRef::new(name)).is_none() {
            bail!("there is no ProjectMapping {name}; see kubectl get projectmappings");
        }
    }
    Ok(names.iter().cloned().map(Key::Mapping).collect())
}

/// What the next reconcile of each object would change. How many namespaces may be deleted is counted over all of them:
/// mappings from which something leaves are looked at one after another, so that it is the first ones that go.
pub async fn plan(context: &Context, keys: Vec<Key>) -> Vec<Planned> {
    let foreseen = Arc::default();
    let one = async |(place, key): (usize, Key)| {
        let notes = Notes::in_full(&foreseen);
        let outcome = reconcile(&context.noting(&notes, Sight::Live), &key).await;
        (place, Planned::new(&key, notes.take(), outcome))
    };
    let leaves =
        |(_, key): &(usize, Key)| matches!(key, Key::Mapping(name) if context.declarations.something_leaves(name));
    let (leaving, staying): (Vec<_>, Vec<_>) = keys.into_iter().enumerate().partition(leaves);
    let leaving: Vec<_> = stream::iter(leaving).then(one).collect().await;
    let staying: Vec<_> = stream::iter(staying).map(one).buffer_unordered(AT_ONCE).collect().await;
    let mut planned: BTreeMap<_, _> = leaving.into_iter().chain(staying).collect();
    std::iter::from_fn(|| planned.pop_first()).map(|(_, planned)| planned).collect()
}
