//! The program: its one line, its seed, its refusals.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

const TOKEN: &str = "the-token-of-the-program";

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gitlab-simulator"));
    command.env("GITLAB_SIMULATOR_ADMIN_TOKEN", TOKEN).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

fn seed(lines: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(lines.as_bytes()).unwrap();
    file
}

async fn first_line(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next_line().await.unwrap().unwrap_or_default()
}

#[tokio::test]
async fn a_seeded_program_prints_its_address_and_serves_what_was_seeded() {
    let lines = concat!(
        "# a comment\n\n",
        r#"{"method":"POST","path":"/groups","body":{"name":"Team","path":"team"}}"#,
        "\n",
        r#"{"method":"POST","path":"/api/v4/projects","body":{"name":"web","namespace_id":2}}"#,
        "\n"
    );
    let file = seed(lines);
    let mut child = program().arg("--seed").arg(file.path()).spawn().unwrap();
    let url = first_line(&mut child).await;
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let address = url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let answer = ask(&mut stream, address, "/projects/team%2Fweb").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(&format!("{url}/team/web")), "{answer}");
}

#[tokio::test]
async fn a_failing_line_of_the_seed_stops_the_start_and_is_named_with_its_answer() {
    let file =
        seed("{\"method\":\"GET\",\"path\":\"/version\"}\n{\"method\":\"POST\",\"path\":\"/groups\",\"body\":{}}\n");
    let output = program().arg("--seed").arg(file.path()).output().await.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(errors.contains("line 2") && errors.contains("name is missing, path is missing"), "{errors}");
    assert!(!errors.contains(TOKEN));
}

#[tokio::test]
async fn with_a_certificate_the_program_speaks_https() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (seed(&made.cert.pem()), seed(&made.signing_key.serialize_pem()));
    let mut command = program();
    command.arg("--tls-cert").arg(certificate.path()).arg("--tls-key").arg(key.path());
    let mut child = command.spawn().unwrap();
    let url = first_line(&mut child).await;
    let address = url.strip_prefix("https://").expect("an address with https").to_owned();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = versions.with_root_certificates(roots).with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    assert!(ask(&mut stream, &address, "/version").await.starts_with("HTTP/1.1 200"));
}

/// One request with the administrator's token, and all that comes back.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), host: &str, path: &str) -> String {
    let head =
        format!("GET /api/v4{path} HTTP/1.1\r\nHost: {host}\r\nPRIVATE-TOKEN: {TOKEN}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_certificate_without_a_key_and_a_reachable_address_are_refused_and_help_shows_no_token() {
    let output = program().arg("--tls-cert").arg("/nowhere").output().await.unwrap();
    assert!(!output.status.success());
    let output = program().arg("--listen").arg("0.0.0.0:0").output().await.unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("no loopback address"));
    let help = program().arg("--help").output().await.unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains(TOKEN));
}
