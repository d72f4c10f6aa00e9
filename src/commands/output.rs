//! How what a command found gets to standard output, for people or for machines.

use std::io::{self, BufWriter, StdoutLock, Write as _};

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Writes to standard output.
///
/// # Errors
/// When it cannot be written. That the reader of the output has gone, as `head` has once it read enough, is none.
pub fn print(write: impl FnOnce(&mut BufWriter<StdoutLock<'_>>) -> io::Result<()>) -> io::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    unless_the_reader_has_gone(write(&mut output).and_then(|()| output.flush()))
}

/// Nobody is left to be told that the rest was not written.
pub fn unless_the_reader_has_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
