//! Sizes of the messages of a request, held while they arrive: one over the limit is refused as soon as
//! its length is known, before its bytes are kept, with the limit and what came. The transport's own
//! limit stands behind this one; its status carries no details.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use crate::grpc::status;

/// Bytes before each message (gRPC over HTTP/2): a flag and the length, big-endian.
const PREFIX_BYTES: usize = 5;

/// Where a body stands between its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// This many bytes of the prefix were read; its length so far.
    Prefix { read: usize, length: u32 },
    /// This many bytes of the message are to come.
    Message { left: usize },
}

impl Place {
    const START: Self = Self::Prefix { read: 0, length: 0 };

    /// Takes the next bytes of the body.
    ///
    /// # Errors
    /// The length of a message over the limit, in bytes.
    fn pass(&mut self, mut data: &[u8], limit: usize) -> Result<(), u32> {
        while let Some((first, rest)) = data.split_first() {
            match *self {
                Self::Prefix { read, length } => {
                    // The flag is the first byte and no part of the length.
                    let length = if read == 0 { 0 } else { length << 8 | u32::from(*first) };
                    data = rest;
                    *self = if read + 1 < PREFIX_BYTES {
                        Self::Prefix { read: read + 1, length }
                    } else {
                        match usize::try_from(length) {
                            Ok(0) => Self::START,
                            Ok(left) if left <= limit => Self::Message { left },
                            _ => return Err(length),
                        }
                    };
                }
                Self::Message { left } => {
                    let taken = left.min(data.len());
                    data = &data[taken..];
                    *self = match left - taken {
                        0 => Self::START,
                        left => Self::Message { left },
                    };
                }
            }
        }
        Ok(())
    }
}

/// The body of a request whose messages have at most `limit` bytes.
pub struct Messages {
    inner: Body,
    place: Place,
    limit: usize,
}

impl Messages {
    /// Watches a body.
    pub fn new(inner: Body, limit: usize) -> Self {
        Self { inner, place: Place::START, limit }
    }
}

impl HttpBody for Messages {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let limit = self.limit;
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(length) = self.place.pass(data, limit)
        {
            return Poll::Ready(Some(Err(status::message_too_large(length, limit))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 300;

    fn body(lengths: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &length in lengths {
            bytes.push(0);
            bytes.extend(u32::try_from(length).expect("short").to_be_bytes());
            bytes.extend(std::iter::repeat_n(0xff, length));
        }
        bytes
    }

    /// Passes a body from its start.
    fn pass(bytes: &[u8], limit: usize) -> Result<(), u32> {
        let mut place = Place::START;
        place.pass(bytes, limit)
    }

    #[test]
    fn lengths_follow_the_table() {
        let cases: [(&[usize], Result<(), u32>); 6] = [
            (&[], Ok(())),
            (&[0, 0, 1], Ok(())),
            (&[LIMIT, LIMIT], Ok(())),
            (&[LIMIT + 1], Err(301)),
            (&[5, 0, 70_000], Err(70_000)),
            (&[66_051], Err(66_051)),
        ];
        for (lengths, wanted) in cases {
            assert_eq!(pass(&body(lengths), LIMIT), wanted, "{lengths:?}");
        }
        let longest = [1, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(pass(&longest, usize::MAX >> 33), Err(u32::MAX));
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            lengths in prop::collection::vec(0usize..400, 0..6),
            step in 1usize..20,
        ) {
            let bytes = body(&lengths);
            let mut place = Place::START;
            let piecewise = bytes.chunks(step).try_for_each(|chunk| place.pass(chunk, LIMIT));
            let over = lengths.iter().find(|length| **length > LIMIT);
            let wanted = over.map_or(Ok(()), |length| Err(*length as u32));
            prop_assert_eq!(piecewise, wanted);
            prop_assert!(wanted.is_err() || place == Place::START);
        }

        #[test]
        fn any_bytes_are_counted(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            limit in 0usize..1 << 33,
        ) {
            let _ = pass(&bytes, limit);
        }
    }
}
