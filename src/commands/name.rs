//! `gl-k8s-integrator name`: how GitLab names an environment and its namespace, computed without any server.

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
};

use super::output::unless_the_reader_has_gone;
use crate::naming::{environment_slug, namespace_name};

/// The longest line that is read, in bytes.
const LONGEST_LINE: usize = 1024 * 1024;

/// What `name` is told.
#[derive(Clone, Debug, clap::Args)]
#[command(override_usage = "gl-k8s-integrator name [PROJECT_PATH ID ENVIRONMENT]")]
#[command(after_help = "Example:\n  gl-k8s-integrator name team/web-app 42 production")]
pub struct NameArgs {
    /// The project's path; only its last segment counts
    #[arg(requires = "environment")]
    project_path: Option<String>,
    /// The project's numeric id
    #[arg(allow_negative_numbers = true)]
    id: Option<String>,
    /// The environment's name; may be empty
    #[arg(allow_hyphen_values = true)]
    environment: Option<String>,
}

/// Runs the command. Called by the program with its standard streams.
///
/// # Errors
/// When a stream cannot be read or written. That the reader of the output has gone is none: the rest is not computed.
pub fn run(args: &NameArgs, input: impl BufRead, output: impl Write, errors: impl Write) -> io::Result<ExitCode> {
    let mut results = Results { output, errors, line: 0, all_computed: true };
    let done = match (&args.project_path, &args.id, &args.environment) {
        (Some(path), Some(id), Some(environment)) => results.write(names(path, id, environment)),
        _ => each_line(input, &mut results),
    };
    unless_the_reader_has_gone(done.and_then(|()| results.output.flush()))?;
    Ok(results.exit_code())
}

/// The output line for one project and environment, or why there is none.
fn names(project_path: &str, id: &str, environment: &str) -> Result<String, &'static str> {
    let segments: Vec<&str> = project_path.split('/').collect();
    if segments.contains(&"") {
        return Err("the project path has an empty segment");
    }
    let only_digits = !id.is_empty() && id.bytes().all(|c| c.is_ascii_digit());
    let id = id.parse::<i64>().ok().filter(|id| only_digits && *id > 0);
    let id = id.ok_or("the project id is no positive 64-bit decimal number")?;
    let slug = (!environment.is_empty()).then(|| environment_slug(environment));
    let path = segments.last().copied().unwrap_or_default();
    let namespace = namespace_name("", path, id, slug.as_deref());
    Ok(format!("{}\t{namespace}", slug.unwrap_or_default()))
}

/// The output line for one input line.
fn names_in_line(line: &Line) -> Result<String, &'static str> {
    let Line::Whole(line) = line else { return Err("the line is longer than 1 MiB") };
    let line = std::str::from_utf8(line).map_err(|_| "the line is no UTF-8")?;
    match line.split('\t').collect::<Vec<_>>()[..] {
        [project_path, id, environment] => names(project_path, id, environment),
        _ => Err("the line does not have three fields separated by tabs"),
    }
}

/// Reads lines to the end and writes one result for each.
fn each_line(mut input: impl BufRead, results: &mut Results<impl Write, impl Write>) -> io::Result<()> {
    let mut line = Line::default();
    let mut begun = false;
    loop {
        // Whoever writes a line and waits for its answer must get it before more input is awaited.
        results.output.flush()?;
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        if chunk.is_empty() {
            break;
        }
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece {
                [text @ .., b'\n'] => (text, true),
                text => (text, false),
            };
            line.extend(text);
            begun = !ends;
            if ends {
                results.write(names_in_line(&line))?;
                line = Line::default();
            }
        }
        let length = chunk.len();
        input.consume(length);
    }
    // The last line counts without a line feed too.
    if begun { results.write(names_in_line(&line)) } else { Ok(()) }
}

/// A line of input, as far as it was read.
enum Line {
    Whole(Vec<u8>),
    TooLong,
}

impl Default for Line {
    fn default() -> Self {
        Self::Whole(Vec::new())
    }
}

impl Line {
    fn extend(&mut self, text: &[u8]) {
        match self {
            Self::Whole(line) if line.len() + text.len() <= LONGEST_LINE => line.extend_from_slice(text),
            _ => *self = Self::TooLong,
        }
    }
}

/// Where results go.
struct Results<Output, Errors> {
    output: Output,
    errors: Errors,
    line: u64,
    all_computed: bool,
}

impl<Output: Write, Errors: Write> Results<Output, Errors> {
    /// Writes exactly one line of output.
    fn write(&mut self, names: Result<String, &'static str>) -> io::Result<()> {
        self.line += 1;
        match names {
            Ok(names) => writeln!(self.output, "{names}"),
            Err(reason) => {
                self.all_computed = false;
                writeln!(self.errors, "line {}: {reason}", self.line)?;
                writeln!(self.output)
            }
        }
    }

    fn exit_code(&self) -> ExitCode {
        if self.all_computed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;

    #[derive(Parser)]
    #[command(name = "name")]
    struct Program {
        #[command(flatten)]
        args: NameArgs,
    }

    /// What a run with these arguments and this input gives: exit code, output, errors.
    fn run_with(arguments: &[&str], input: &[u8], buffer: usize) -> (ExitCode, String, String) {
        let args = Program::parse_from(["name"].iter().chain(arguments)).args;
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let code = run(&args, io::BufReader::with_capacity(buffer, input), &mut output, &mut errors).unwrap();
        (code, String::from_utf8(output).unwrap(), String::from_utf8(errors).unwrap())
    }

    fn lines(input: &[u8]) -> (ExitCode, String, String) {
        run_with(&[], input, 8 * 1024)
    }

    #[test]
    fn arguments_give_slug_and_namespace() {
        let computed = |arguments: &[&str], expected: &str| {
            assert_eq!(run_with(arguments, b"", 1), (ExitCode::SUCCESS, expected.to_owned(), String::new()));
        };
        computed(&["team/web-app", "42", "production"], "production\tweb-app-42-production\n");
        computed(&["web-app", "42", "Production"], "production-iis43c\tweb-app-42-production-iis43c\n");
        computed(&["team/web-app", "42", ""], "\tweb-app-42\n");
        computed(&["team/web-app", "42", "-"], "env-dgv8k2\tweb-app-42-env-dgv8k2\n");
        computed(&["team/web-app", "9223372036854775807", "a"], "a\tweb-app-9223372036854775807-a\n");
    }

    #[test]
    fn only_all_three_arguments_or_none_are_right_usage() {
        for arguments in [&["a"][..], &["a", "1"], &["a", "1", "b", "c"], &["--what"]] {
            let error = Program::try_parse_from(["name"].iter().chain(arguments)).err().unwrap();
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
    }

    #[test]
    fn arguments_that_cannot_be_computed_give_an_empty_line_and_exit_code_1() {
        for arguments in [["", "1", "a"], ["a/", "1", "a"], ["a//b", "1", "a"], ["/a", "1", "a"], ["a", "-1", "a"]] {
            let (code, output, errors) = run_with(&arguments, b"", 1);
            assert_eq!((code, output.as_str()), (ExitCode::FAILURE, "\n"), "{arguments:?}");
            assert!(errors.starts_with("line 1: "), "{errors}");
        }
    }

    #[test]
    fn each_bad_line_gives_an_empty_one_and_its_reason_and_the_rest_goes_on() {
        let input = b"a\t1\tb\n\na\t1\na\t1\tb\tc\na\t0\tb\na\t+1\tb\na\t 1\tb\na\t9223372036854775808\tb\n\t1\tb\n\xff\t1\tb\na\t2\tb\n";
        let (code, output, errors) = lines(input);
        assert_eq!(code, ExitCode::FAILURE);
        assert_eq!(output, "b\ta-1-b\n\n\n\n\n\n\n\n\n\nb\ta-2-b\n");
        let numbers: Vec<_> = errors.lines().map(|line| line.split_once(": ").unwrap().0.to_owned()).collect();
        assert_eq!(numbers, (2..=10).map(|number| format!("line {number}")).collect::<Vec<_>>());
    }

    #[test]
    fn a_last_line_without_line_feed_counts_and_no_input_gives_no_output() {
        assert_eq!(lines(b"a\t1\tb\na\t2\tb").1, "b\ta-1-b\nb\ta-2-b\n");
        assert_eq!(lines(b""), (ExitCode::SUCCESS, String::new(), String::new()));
        assert_eq!(lines(b"\n").1, "\n");
    }

    #[test]
    fn a_carriage_return_belongs_to_the_environment() {
        assert_eq!(lines(b"a\t1\tproduction\r\n").1, format!("{0}\ta-1-{0}\n", environment_slug("production\r")));
    }

    #[test]
    fn a_line_above_the_limit_is_bad_input_and_the_next_one_is_computed() {
        let mut input = format!("a\t1\t{}", "x".repeat(LONGEST_LINE - 4)).into_bytes();
        assert_eq!(lines(&input).0, ExitCode::SUCCESS);
        input.extend_from_slice(b"x\na\t1\tb\n");
        let (code, output, errors) = lines(&input);
        assert_eq!((code, output.as_str()), (ExitCode::FAILURE, "\nb\ta-1-b\n"));
        assert!(errors.contains("1 MiB"), "{errors}");
    }

    /// Gives its input line by line, and records how much had been flushed before each.
    struct Conversation<'a> {
        lines: Vec<&'static [u8]>,
        flushed: &'a std::cell::RefCell<Vec<String>>,
        written: &'a std::cell::RefCell<Vec<u8>>,
    }

    impl io::Read for Conversation<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.flushed.borrow_mut().push(String::from_utf8(self.written.borrow().clone()).unwrap());
            if self.lines.is_empty() {
                return Ok(0);
            }
            let line = self.lines.remove(0);
            buffer[..line.len()].copy_from_slice(line);
            Ok(line.len())
        }
    }

    struct Written<'a>(&'a std::cell::RefCell<Vec<u8>>);

    impl Write for Written<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_answer_comes_before_the_next_line_is_awaited() {
        let (flushed, written) = (std::cell::RefCell::default(), std::cell::RefCell::default());
        let input = Conversation { lines: vec![b"a\t1\tb\n", b"a\t2\tb\n"], flushed: &flushed, written: &written };
        let args = Program::parse_from(["name"]).args;
        run(&args, io::BufReader::new(input), io::BufWriter::new(Written(&written)), io::sink()).unwrap();
        assert_eq!(flushed.into_inner(), ["", "b\ta-1-b\n", "b\ta-1-b\nb\ta-2-b\n"]);
    }

    #[test]
    fn a_reader_that_has_gone_ends_the_run_without_an_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let args = Program::parse_from(["name"]).args;
        assert_eq!(run(&args, &b"a\t1\tb\n"[..], Gone, io::sink()).unwrap(), ExitCode::SUCCESS);
    }

    proptest! {
        #[test]
        fn every_line_gives_exactly_one_line_however_the_input_is_cut(
            input in proptest::collection::vec(prop::sample::select(&b"a/1\t\t\t\n\n\r\xff"[..]), 0..300),
            buffer in 1..40_usize,
        ) {
            let (_, output, errors) = run_with(&[], &input, buffer);
            let expected = input.split(|byte| *byte == b'\n').count() - usize::from(input.is_empty() || input.ends_with(b"\n"));
            prop_assert_eq!(output.matches('\n').count(), expected);
            prop_assert_eq!(errors.lines().count(), output.lines().filter(|line| line.is_empty()).count());
            prop_assert_eq!(output, lines(&input).1);
        }
    }
}
