//! Subjects over the wire and on the command line: export, listing, erasure; redaction of text.

use std::io::Write as _;
use std::process::Output;

use tonic::Code;
use tonic::transport::Channel;
use vouch::grpc::proto;
use vouch::grpc::proto::export_subject_response::Part;
use vouch::grpc::proto::subject_service_client::SubjectServiceClient;

use crate::double::manner;
use crate::process::Place;
use crate::server::{keyed, reason_of, with_key};

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn export(subject: &str) -> proto::ExportSubjectRequest {
    proto::ExportSubjectRequest { subject_id: subject.into(), include_embeddings: false }
}

async fn parts(
    client: &mut SubjectServiceClient<Channel>,
    request: tonic::Request<proto::ExportSubjectRequest>,
) -> Result<Vec<Part>, tonic::Status> {
    let mut stream = client.export_subject(request).await?.into_inner();
    let mut parts = Vec::new();
    while let Some(answer) = stream.message().await? {
        parts.extend(answer.part);
    }
    Ok(parts)
}

#[tokio::test]
async fn a_subject_is_exported_by_the_server_and_by_the_command_line_and_erased() {
    let models = tempfile::tempdir().unwrap();
    let place = Place::new(models.path(), "");
    let key = |role: &str| place.done(&["key", "create", "--role", role]).trim().to_owned();
    let (agent, privacy) = (key("agent"), key("privacy"));
    let (mut server, address) = place.serve().await;
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let mut client = SubjectServiceClient::new(channel);
    for id in ["anna", "bert"] {
        let create =
            proto::CreateSubjectRequest { subject_id: id.into(), idempotency_key: id.into() };
        client.create_subject(with_key(create, &agent)).await.unwrap();
    }
    let refused = parts(&mut client, with_key(export("anna"), &agent)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let missing = parts(&mut client, with_key(export("nobody"), &privacy)).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let got = parts(&mut client, with_key(export("anna"), &privacy)).await.unwrap();
    let Some(Part::Started(started)) = got.first() else { panic!("{got:?}") };
    assert!(!started.decision_id.is_empty());
    let lines: Vec<String> = got
        .iter()
        .filter_map(|part| match part {
            Part::Lines(page) => Some(page.lines.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(got.last(), Some(&Part::Ended(proto::ExportEnded { lines: lines.len() as u64 })));
    assert!(lines[0].contains("\"anna\""), "{lines:?}");
    server.kill();

    let listed = place.done(&["subject", "list"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let shown = place.done(&["subject", "show", "bert"]);
    assert!(shown.contains("\"bert\"") && !shown.contains("\"decision\""), "{shown}");
    let file = place.dir.path().join("anna.jsonl");
    let file = file.to_str().unwrap();
    place.done(&["subject", "export", "anna", "--out", file]);
    let again = place.run(&["subject", "export", "anna", "--out", file]);
    assert_eq!(again.status.code(), Some(1), "a file is not overwritten");
    let exported = std::fs::read_to_string(file).unwrap();
    let sections: Vec<serde_json::Value> =
        exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let exports = sections.iter().filter(|s| s["kind"] == "EXPORT").count();
    assert_eq!(exports, 2, "the server's and this one: {exported}");

    let unmeant = place.run(&["subject", "erase", "anna"]);
    assert_eq!(unmeant.status.code(), Some(2));
    let erased = place.done(&["subject", "erase", "anna", "--yes"]);
    assert!(erased.starts_with("receipt "), "{erased}");
    assert_eq!(place.run(&["subject", "show", "anna"]).status.code(), Some(1));
    assert_eq!(place.run(&["subject", "erase", "anna", "--yes"]).status.code(), Some(1));
    assert!(!place.done(&["subject", "list"]).contains("anna"));
    let verified = place.run(&["audit", "verify"]);
    assert!(verified.status.success(), "{}", text(&verified));
}

#[tokio::test]
async fn an_export_that_breaks_off_has_no_end() {
    let server = crate::server::start(crate::server::settings()).await;
    let mut client = SubjectServiceClient::new(server.channel().await);
    let whole = parts(&mut client, keyed(export("anna"))).await.unwrap();
    assert_eq!(whole.len(), 3);
    assert_eq!(whole[2], Part::Ended(proto::ExportEnded { lines: 2 }));
    let broken = parts(&mut client, keyed(export(manner::STORE_DOWN))).await.unwrap_err();
    assert_eq!(reason_of(&broken), "STORE_UNAVAILABLE");
    assert!(!broken.message().contains("secret"), "{broken}");
    let bad = parts(&mut client, keyed(export(""))).await.unwrap_err();
    assert_eq!(reason_of(&bad), "INVALID_ARGUMENT");
}

#[test]
fn text_is_redacted_from_a_file_and_from_stdin() {
    let models = tempfile::tempdir().unwrap();
    let place = Place::new(models.path(), "");
    let file = place.dir.path().join("notes.txt");
    std::fs::write(&file, "write to a.b@example.org\nor a.b@example.org, thanks").unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(place.done(&["redact", file]), "write to <EMAIL>\nor <EMAIL>, thanks");
    let none = place.run(&["redact", "--mode", "pseudonyms", file]);
    assert_eq!(none.status.code(), Some(1), "there is no key yet");
    place.done(&["key", "create", "--role", "client"]);
    let first = place.done(&["redact", "--mode", "pseudonyms", file]);
    let names: Vec<&str> = first.split(['<', '>']).skip(1).step_by(2).collect();
    assert!(names.len() == 2 && names[0] == names[1] && names[0].len() > 6, "{first}");
    assert_eq!(place.done(&["redact", "--mode", "pseudonyms", file]), first);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_vouch"))
        .args(["redact", "--mode", "remove"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"call +49 170 1234567\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output), "call <PHONE>\n");
}
