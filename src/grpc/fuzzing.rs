//! A door for fuzzing and property tests to what a stranger's bytes reach first. No part of the
//! interface.

use prost::Message;

use crate::domain::SubjectId;
use crate::grpc::convert::{self, Read, requests};
use crate::grpc::inbox::{Part, StreamRequest};
use crate::grpc::{guard, proto};

/// Bytes as a message, read as its service reads it; `None` when they are no such message.
type Reader = fn(&[u8]) -> Option<Read<()>>;

/// Every request with fields.
const READERS: [Reader; 49] = [
    |bytes| whole(bytes, requests::create_subject),
    |bytes| whole(bytes, requests::get_subject),
    |bytes| whole(bytes, requests::list_subjects),
    |bytes| whole(bytes, requests::record_consent),
    |bytes| whole(bytes, requests::withdraw_consent),
    |bytes| whole(bytes, requests::set_opt_out),
    |bytes| whole(bytes, requests::erase_subject),
    |bytes| whole(bytes, requests::enroll_utterance),
    |bytes| live::<proto::EnrollStreamRequest, _>(bytes, requests::enroll_stream),
    |bytes| whole(bytes, requests::get_enrollment),
    |bytes| whole(bytes, requests::cancel_enrollment),
    |bytes| whole(bytes, requests::list_voiceprints),
    |bytes| whole(bytes, requests::delete_voiceprint),
    |bytes| whole(bytes, requests::renew_voiceprints),
    |bytes| whole(bytes, requests::verify),
    |bytes| live::<proto::VerifyStreamRequest, _>(bytes, requests::verify_stream),
    |bytes| whole(bytes, requests::identify),
    |bytes| live::<proto::IdentifyStreamRequest, _>(bytes, requests::identify_stream),
    |bytes| whole(bytes, requests::list_decisions),
    |bytes| whole(bytes, requests::explain_decision),
    headers,
    |bytes| whole(bytes, convert::enroll_behavior),
    |bytes| whole(bytes, convert::verify_behavior),
    observe,
    |bytes| whole(bytes, convert::get_behavior_profiles),
    |bytes| whole(bytes, convert::delete_behavior_profile),
    |bytes| whole(bytes, convert::enroll_texts),
    |bytes| whole(bytes, convert::verify_texts),
    |bytes| whole(bytes, convert::get_style_profile),
    |bytes| whole(bytes, convert::delete_style_profile),
    |bytes| whole(bytes, convert::redact_text),
    |bytes| whole(bytes, convert::set_redaction),
    |bytes| whole(bytes, convert::propose_policy),
    |bytes| whole(bytes, convert::approve_policy),
    |bytes| whole(bytes, convert::reject_policy),
    |bytes| whole(bytes, convert::activate_shadow),
    |bytes| whole(bytes, |message| convert::clear_shadow(&message)),
    |bytes| whole(bytes, |message| convert::roll_back(&message)),
    |bytes| whole(bytes, |message| convert::get_policy(&message)),
    |bytes| whole(bytes, convert::list_policies),
    |bytes| whole(bytes, convert::what_if),
    |bytes| whole(bytes, convert::record_outcome),
    |bytes| whole(bytes, convert::list_outcomes),
    |bytes| whole(bytes, convert::get_outcome),
    |bytes| whole(bytes, requests::add_phone_number),
    |bytes| whole(bytes, requests::remove_phone_number),
    |bytes| whole(bytes, requests::export_subject),
    session,
    |bytes| whole(bytes, convert::report_context),
];

fn whole<M, T>(bytes: &[u8], read: impl FnOnce(M) -> Read<T>) -> Option<Read<()>>
where
    M: Message + Default,
{
    let message = M::decode(bytes).ok()?;
    Some(read(message).map(drop))
}

fn live<M, T>(bytes: &[u8], read: impl FnOnce(M::Config) -> Read<T>) -> Option<Read<()>>
where
    M: Message + Default + StreamRequest,
{
    Some(match M::decode(bytes).ok()?.part() {
        Part::Config(config) => read(config).map(drop),
        Part::Audio(chunk) => {
            convert::chunk(chunk);
            Ok(())
        }
        Part::Empty => Ok(()),
    })
}

fn observe(bytes: &[u8]) -> Option<Read<()>> {
    use proto::observe_behavior_request::Message;
    Some(match proto::ObserveBehaviorRequest::decode(bytes).ok()?.message {
        Some(Message::Config(config)) => convert::observe_behavior(config).map(drop),
        Some(Message::Capture(capture)) => {
            let subject = SubjectId::parse("s").expect("it is an id");
            convert::behavior_capture(capture, &subject, 1, "capture").map(drop)
        }
        None => Ok(()),
    })
}

/// The first message of a session's stream, or a later one: what cannot be read of those is refused in the
/// session.
fn session(bytes: &[u8]) -> Option<Read<()>> {
    use proto::run_request::Message;
    let request = proto::RunRequest::decode(bytes).ok()?;
    Some(match request.message {
        Some(Message::Open(_) | Message::Resume(_)) | None => convert::start(request).map(drop),
        Some(_) => {
            convert::message(request);
            Ok(())
        }
    })
}

/// The bytes as the value of each header the guard reads.
fn headers(bytes: &[u8]) -> Option<Read<()>> {
    guard::read_headers(bytes).then_some(Ok(()))
}

/// Reads bytes as a request: the first byte says which, the rest is the message. `None` when they are
/// no such message, else what the service would say to it.
pub fn request(bytes: &[u8]) -> Option<Read<()>> {
    let (kind, message) = bytes.split_first()?;
    READERS[usize::from(*kind) % READERS.len()](message)
}

#[cfg(test)]
mod examples;

#[cfg(test)]
mod tests {
    use super::examples::good;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_request_has_a_message_it_reads() {
        let good = good();
        assert_eq!(good.len(), READERS.len());
        for bytes in good {
            assert_eq!(request(&bytes), Some(Ok(())), "kind {}", bytes[0]);
        }
    }

    #[test]
    #[ignore = "writes the hand-made seeds of the fuzz target `requests` anew"]
    fn write_seeds() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/requests");
        std::fs::create_dir_all(folder).expect("the folder can be made");
        for bytes in good() {
            let path = format!("{folder}/good-{:02}", bytes[0]);
            std::fs::write(path, bytes).expect("the seed can be written");
        }
    }

    /// What a service says to wrong bytes names a field and stays short, whatever came.
    fn sound(bytes: &[u8]) -> Result<(), TestCaseError> {
        if let Some(Err(bad)) = request(bytes) {
            prop_assert!(!bad.field.is_empty() && bad.field.len() < 64, "{bad}");
            prop_assert!(!bad.problem.is_empty() && bad.problem.len() < 200, "{bad}");
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..200)
        ) {
            sound(&bytes)?;
        }

        #[test]
        fn a_damaged_request_is_read_or_refused(
            which in 0..READERS.len(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in prop::option::of(any::<prop::sample::Index>()),
            doubled: bool,
        ) {
            let mut bytes = good().swap_remove(which);
            if doubled {
                // Fields that come twice are merged.
                let again = bytes[1..].to_vec();
                bytes.extend(again);
            }
            for (index, value) in damage {
                let at = 1 + index.index(bytes.len() - 1);
                bytes[at] = value;
            }
            if let Some(index) = cut {
                bytes.truncate(index.index(bytes.len()) + 1);
            }
            sound(&bytes)?;
        }
    }
}
