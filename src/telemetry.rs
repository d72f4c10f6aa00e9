//! Logs: to standard error, as text for people or as JSON for machines, without secrets.

use std::{io::IsTerminal, panic::PanicHookInfo};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, ParseError, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line per event.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error(
        "the log filter {filter:?} cannot be read: {source}; write a level such as info, or target=level pairs separated by commas"
    )]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong.
        source: ParseError,
    },
    /// Something has set up logging before.
    #[error("logging is set up already")]
    AlreadySetUp,
}

/// Sends this process's logs to standard error, panics included. Called once, by `main`.
///
/// `filter` is a level, or a list such as `info,gl_k8s_integrator::gitlab=debug`. Whatever it says, libraries never log more
/// than `info`, because below that some of them write out what they send and receive.
///
/// # Errors
/// When the filter cannot be read, or when logging has been set up before.
pub fn init(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let colours = std::io::stderr().is_terminal();
    subscriber(format, filter, colours, std::io::stderr)?.try_init().map_err(|_| TelemetryError::AlreadySetUp)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A filter that can be read, as it was given; for the command line.
///
/// # Errors
/// When it cannot be read.
pub fn filter(text: &str) -> Result<String, TelemetryError> {
    parsed(text).map(|_| text.to_owned())
}

fn parsed(filter: &str) -> Result<EnvFilter, TelemetryError> {
    let parsed = EnvFilter::builder().parse(filter);
    parsed.map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })
}

/// What receives log events and writes them.
fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    colours: bool,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + 'static, TelemetryError>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let wanted = parsed(filter)?;
    let layer = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(writer);
    let layer = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.with_ansi(false).json().flatten_event(true).boxed(),
    };
    Ok(tracing_subscriber::registry().with(layer.with_filter(wanted.and(filter_fn(may_be_logged)))))
}

/// Whether an event can hold no secret, as far as its origin tells.
fn may_be_logged(event: &Metadata<'_>) -> bool {
    // Writes out whole answers of the API server that it cannot read, Secrets included. The error reaches us anyway.
    const WRITES_OUT_ANSWERS: &str = "kube_client::client";
    let ours = event.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    ours || (*event.level() <= Level::INFO && event.target() != WRITES_OUT_ANSWERS)
}

/// Logs a panic like any other error, so that it is found where people look.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message =
        payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let location = panic.location().map(ToString::to_string);
    tracing::error!(
        message = message.unwrap_or("no message"),
        location = location.as_deref().unwrap_or("unknown"),
        thread = std::thread::current().name().unwrap_or("unnamed"),
        panic = true,
    );
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What logging `events` writes.
    fn logged(format: LogFormat, filter: &str, events: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = subscriber(format, filter, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, events);
        written.text()
    }

    #[test]
    fn json_logs_are_one_object_per_line_with_the_fields_beside_the_message() {
        let text = logged(LogFormat::Json, "info", || {
            tracing::info!(mapping = "web-app", "ready");
            tracing::warn!("second");
        });
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (&lines[0]["message"], &lines[0]["mapping"], &lines[0]["level"]),
            (&"ready".into(), &"web-app".into(), &"INFO".into())
        );
    }

    #[test]
    fn the_filter_decides_what_of_ours_is_logged() {
        let events = || {
            tracing::info!("told");
            tracing::debug!("details");
        };
        assert!(!logged(LogFormat::Text, "info", events).contains("details"));
        let own_debug = logged(LogFormat::Text, "warn,gl_k8s_integrator=debug", events);
        assert!(own_debug.contains("told") && own_debug.contains("details"), "{own_debug}");
    }

    #[test]
    fn libraries_never_write_out_what_they_send_and_receive() {
        let text = logged(LogFormat::Text, "trace", || {
            tracing::trace!(target: "hyper::proto", "planted one");
            tracing::debug!(target: "kube_runtime::watcher", "planted two");
            tracing::warn!(target: "kube_client::client", "planted three");
            tracing::warn!(target: "kube_client::client::builder", "useful one");
            tracing::info!(target: "gl_k8s_integrator_lookalike", "useful two");
            tracing::debug!(target: "gl_k8s_integrator_lookalike", "planted four");
            tracing::trace!("useful three");
        });
        assert!(!text.contains("planted"), "{text}");
        assert_eq!(text.matches("useful").count(), 3, "{text}");
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_with_a_hint() {
        let error = subscriber(LogFormat::Text, "info,,=x=y", false, std::io::sink).err().unwrap();
        assert!(error.to_string().contains("level such as info"), "{error}");
    }

    #[test]
    fn a_panic_is_logged_with_its_place() {
        let text = logged(LogFormat::Json, "info", || {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(log_panic));
            let _ = std::panic::catch_unwind(|| panic!("out of {}", "luck"));
            std::panic::set_hook(before);
        });
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((&line["message"], &line["level"]), (&"out of luck".into(), &"ERROR".into()));
        assert!(line["location"].as_str().unwrap().contains("telemetry.rs"), "{line}");
    }
}
