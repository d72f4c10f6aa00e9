//! `name`, from end to end.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
};

use crate::process::{command, finished, texts};

async fn name(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let output = finished(&[&["name"], arguments].concat(), &[], input).await;
    let (text, errors) = texts(&output);
    (output.status.code(), text, errors)
}

fn computed(line: &str) -> (Option<i32>, String, String) {
    (Some(0), format!("{line}\n"), String::new())
}

#[tokio::test]
async fn arguments_give_slug_and_namespace() {
    assert_eq!(name(&["team/web-app", "42", "production"], "").await, computed("production\tweb-app-42-production"));
    // Cut and marked as GitLab does it; which names that gives for which is tested with the naming rules.
    let (code, text, errors) = name(&["team/web-app", "42", "review/1-My.Branch"], "").await;
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let slug = text.split('\t').next().unwrap();
    assert!(slug.starts_with("review-1-my-branc-") && slug.len() <= 24, "{text}");
    assert_eq!(text, format!("{slug}\tweb-app-42-{slug}\n"));
    assert_eq!(name(&["team/web-app", "42", ""], "").await, computed("\tweb-app-42"));
    assert_eq!(name(&["web-app", "42", "-x"], "").await.0, Some(0), "an environment may look like a flag");
}

#[tokio::test]
async fn what_cannot_be_computed_gives_an_empty_line_a_reason_and_1() {
    for (arguments, reason) in [
        (["team//web-app", "42", "production"], "empty segment"),
        (["team/web-app", "0", "production"], "64-bit"),
        (["team/web-app", "-1", "production"], "64-bit"),
        (["team/web-app", "+1", "production"], "64-bit"),
        (["team/web-app", "9223372036854775808", "production"], "64-bit"),
    ] {
        let (code, text, errors) = name(&arguments, "").await;
        assert_eq!((code, text.as_str()), (Some(1), "\n"), "{arguments:?}");
        assert!(errors.starts_with("line 1: ") && errors.contains(reason), "{errors}");
    }
}

#[tokio::test]
async fn every_line_of_input_gives_one_line_of_output() {
    let input = "team/web-app\t42\tproduction\nbad line\nteam/web-app\t42\t\n\na/b\tx\tstaging\nteam/shop\t7\tstaging";
    let (code, text, errors) = name(&[], input).await;
    assert_eq!(code, Some(1));
    let lines: Vec<_> = text.split('\n').collect();
    assert_eq!(lines, ["production\tweb-app-42-production", "", "\tweb-app-42", "", "", "staging\tshop-7-staging", ""]);
    let reasons: Vec<_> = errors.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(reasons, ["line 2", "line 4", "line 5"]);
    assert_eq!(name(&[], "").await, (Some(0), String::new(), String::new()));
}

#[tokio::test]
async fn an_answer_comes_before_the_next_question_is_asked() {
    let mut child = Command::from(command(&["name"], &[]));
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let (mut questions, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut answers = BufReader::new(answers).lines();
    for project in ["web-app", "shop"] {
        questions.write_all(format!("team/{project}\t42\tproduction\n").as_bytes()).await.unwrap();
        let answer = tokio::time::timeout(std::time::Duration::from_secs(30), answers.next_line()).await;
        assert_eq!(answer.unwrap().unwrap().unwrap(), format!("production\t{project}-42-production"));
    }
    drop(questions);
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = Command::from(command(&["name"], &[]));
    let pipes = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.kill_on_drop(true).spawn().unwrap();
    drop(child.stdout.take());
    let mut questions = child.stdin.take().unwrap();
    let many = "team/web-app\t42\tproduction\n".repeat(10_000);
    questions.write_all(many.as_bytes()).await.ok();
    drop(questions);
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(0), ""));
}
