//! Bytes on a lane.
//!
//! Each side of a link opens one stream for each lane and writes only to its own. A lane begins with a head and goes
//! on with frames, one a message; there are no checksums, since QUIC authenticates every packet.
//!
//! ```text
//! stream = "AP" version:u8 lane:u8  frame*
//! frame  = length:u32 (big endian)  payload
//! hello  = the first frame of the control lane
//!        = version_min:u8 version_max:u8 instance:[u8;16]  what later versions add
//! ```

use bytes::{Bytes, BytesMut};

use crate::error::FrameError;

/// The versions of this protocol that are spoken here.
pub(crate) const VERSION_MIN: u8 = 1;
pub(crate) const VERSION_MAX: u8 = 1;

const MAGIC: [u8; 2] = *b"AP";
pub(crate) const HEAD_BYTES: usize = 4;
pub(crate) const LENGTH_BYTES: usize = 4;
const HELLO_BYTES_MIN: usize = 18;
/// Later versions may add to a hello, within this.
const HELLO_BYTES_MAX: usize = 4096;

/// Memory is taken as bytes come in, in such steps: a length alone costs nothing.
const RESERVE_BYTES: usize = 256 * 1024;

/// What a message is, by urgency. A backlog on one lane does not delay another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Short messages that keep the cluster going.
    Control,
    /// Fresh commits.
    Live,
    /// Catching up.
    Bulk,
}

impl Lane {
    /// All lanes, in the order of [`Lane::index`].
    pub const ALL: [Self; 3] = [Self::Control, Self::Live, Self::Bulk];

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Control => 0,
            Self::Live => 1,
            Self::Bulk => 2,
        }
    }

    /// As it stands in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Live => "live",
            Self::Bulk => "bulk",
        }
    }

    /// QUIC sends what waits on a stream of higher priority first.
    pub(crate) fn priority(self) -> i32 {
        match self {
            Self::Control => 2,
            Self::Live => 1,
            Self::Bulk => 0,
        }
    }

    pub(crate) fn head(self) -> [u8; HEAD_BYTES] {
        [MAGIC[0], MAGIC[1], VERSION_MAX, self.index() as u8]
    }

    /// The version in a head is not judged here: the hello names the range.
    pub(crate) fn from_head(head: &[u8]) -> Result<Self, FrameError> {
        match head {
            [a, b, _, lane] if [*a, *b] == MAGIC => Self::ALL.get(usize::from(*lane)).copied(),
            _ => None,
        }
        .ok_or_else(|| FrameError::Head {
            head: head.to_vec(),
        })
    }
}

/// What each side says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hello {
    pub version_min: u8,
    pub version_max: u8,
    /// Drawn at each start of a transport: tells a restarted peer from a second link of the same one, and this
    /// node from another with the same certificate.
    pub instance: u128,
}

impl Hello {
    pub(crate) fn encode(self) -> Bytes {
        let mut out = BytesMut::with_capacity(HELLO_BYTES_MIN);
        out.extend_from_slice(&[self.version_min, self.version_max]);
        out.extend_from_slice(&self.instance.to_be_bytes());
        out.freeze()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let (Some(versions), Some(instance)) = (
            bytes.first_chunk::<2>(),
            bytes.get(2..).and_then(|rest| rest.first_chunk::<16>()),
        ) else {
            return Err(FrameError::Hello {
                reason: "it is too short",
            });
        };
        let [version_min, version_max] = *versions;
        if version_min > version_max {
            return Err(FrameError::Hello {
                reason: "its versions are in the wrong order",
            });
        }
        Ok(Self {
            version_min,
            version_max,
            instance: u128::from_be_bytes(*instance),
        })
    }
}

/// Why nothing more comes from a stream.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The peer sent what it may not.
    Frame(FrameError),
    /// The stream or the connection is gone.
    Stream(quinn::ReadError),
}

impl From<FrameError> for ReadError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<quinn::ReadError> for ReadError {
    fn from(error: quinn::ReadError) -> Self {
        Self::Stream(error)
    }
}

/// Reads the head of a stream that the peer opened.
pub(crate) async fn read_head(stream: &mut quinn::RecvStream) -> Result<Lane, ReadError> {
    let mut head = [0; HEAD_BYTES];
    read_exact(stream, &mut head).await?;
    Ok(Lane::from_head(&head)?)
}

/// Reads the hello, which has a limit of its own: nothing is known yet about who sends it.
pub(crate) async fn read_hello(stream: &mut quinn::RecvStream) -> Result<Hello, ReadError> {
    let length = read_length(stream, HELLO_BYTES_MAX)
        .await?
        .ok_or(FrameError::Hello {
            reason: "there is none",
        })?;
    let payload = read_payload(stream, length).await?;
    Ok(Hello::decode(&payload)?)
}

/// Reads a frame's length; none if the peer finished the stream between frames.
pub(crate) async fn read_length(
    stream: &mut quinn::RecvStream,
    bytes_max: usize,
) -> Result<Option<usize>, ReadError> {
    let mut length = [0; LENGTH_BYTES];
    match stream.read_exact(&mut length).await {
        Ok(()) => {}
        Err(quinn::ReadExactError::FinishedEarly(0)) => return Ok(None),
        Err(error) => return Err(exact_error(error, LENGTH_BYTES)),
    }
    let bytes = u32::from_be_bytes(length);
    match usize::try_from(bytes) {
        Ok(length) if length <= bytes_max => Ok(Some(length)),
        _ => Err(ReadError::Frame(FrameError::TooLarge {
            bytes: u64::from(bytes),
            bytes_max: bytes_max as u64,
        })),
    }
}

/// Reads a frame's payload, whose length was judged already.
pub(crate) async fn read_payload(
    stream: &mut quinn::RecvStream,
    length: usize,
) -> Result<Bytes, ReadError> {
    let mut payload = BytesMut::with_capacity(length.min(RESERVE_BYTES));
    while payload.len() < length {
        let missing = length - payload.len();
        match stream.read_chunk(missing, true).await? {
            // A frame that came in one piece is not copied.
            Some(chunk) if chunk.bytes.len() == length => return Ok(chunk.bytes),
            Some(chunk) => payload.extend_from_slice(&chunk.bytes),
            None => {
                return Err(ReadError::Frame(FrameError::Truncated {
                    missing: missing as u64,
                }));
            }
        }
    }
    Ok(payload.freeze())
}

/// The length that goes before a payload. The caller keeps to the limit, which is far below 4 GiB.
pub(crate) fn length_of(payload: &Bytes) -> Bytes {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    Bytes::copy_from_slice(&length.to_be_bytes())
}

async fn read_exact(stream: &mut quinn::RecvStream, into: &mut [u8]) -> Result<(), ReadError> {
    let wanted = into.len();
    stream
        .read_exact(into)
        .await
        .map_err(|error| exact_error(error, wanted))
}

fn exact_error(error: quinn::ReadExactError, wanted: usize) -> ReadError {
    match error {
        quinn::ReadExactError::FinishedEarly(got) => ReadError::Frame(FrameError::Truncated {
            missing: (wanted - got.min(wanted)) as u64,
        }),
        quinn::ReadExactError::ReadError(error) => ReadError::Stream(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_name_their_lane() {
        for lane in Lane::ALL {
            assert_eq!(Lane::from_head(&lane.head()), Ok(lane));
        }
        for head in [*b"AP\x01\x03", *b"XX\x01\x00", *b"\0\0\0\0"] {
            assert!(matches!(
                Lane::from_head(&head),
                Err(FrameError::Head { .. })
            ));
        }
        assert!(Lane::from_head(b"AP").is_err());
    }

    #[test]
    fn hellos_may_grow_but_not_shrink() {
        let hello = Hello {
            version_min: 1,
            version_max: 3,
            instance: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef,
        };
        let mut bytes = hello.encode().to_vec();
        assert_eq!(Hello::decode(&bytes), Ok(hello));
        bytes.extend_from_slice(b"later");
        assert_eq!(Hello::decode(&bytes), Ok(hello));
        for length in 0..HELLO_BYTES_MIN {
            assert!(Hello::decode(&bytes[..length]).is_err(), "{length}");
        }
        bytes[0] = 9;
        assert!(Hello::decode(&bytes).is_err());
    }
}
