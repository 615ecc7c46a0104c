//! What replicas of a group say to each other.
//!
//! ```text
//!  kind (varint) │ fields: tag (varint), length (varint), value …
//! ```
//!
//! Fields with an unknown tag are skipped and messages of an unknown kind ignored, so that a newer peer can say more.
//! Records inside [`Txs`] are byte strings that nobody on the way rewrites: their chain hash covers every byte. Tag 15 of
//! every message is kept free for the group, for the day when one link serves several.
//!
//! | kind | message | | kind | message |
//! |---|---|---|---|---|
//! | 1 | Hello | | 9 | Refused |
//! | 2 | HelloAck, with the evidence | | 10 | Digest |
//! | 3 | Epoch | | 11 | Txs |
//! | 4 | NeedEpoch | | 12 | Want |
//! | 5 | Seal | | 13 | Credit |
//! | 6 | Sealed | | 14 | Join |
//! | 7 | Accept | | 15 | Alarm |
//! | 8 | Accepted | | 16–21 | kept for Reports, Have, Graft, Prune, StateHead, StateChunk |

use antipode_clock::codec::{CodecError, Reader, Writer};
use antipode_clock::{ReplicaId, VersionVector};
use bytes::Bytes;

use crate::record::{ChainHash, LogRange};
use crate::state::{
    Accepted, Ballot, Epoch, EpochRef, Member, decode_boots, decode_member, encode_boots,
    encode_member,
};
use crate::wire::{FieldWriter, Fields};
use crate::{Head, StateDigest};

/// The protocol versions that this build speaks, lowest and highest.
pub const PROTOCOL: (u64, u64) = (1, 1);

/// One message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// Who I am and how far my own log goes.
    Hello(Hello),
    /// The answer to a Hello, with what I hold of the greeter.
    HelloAck(HelloAck),
    /// The newest epoch, whole.
    Epoch(Epoch),
    /// The name of my epoch: send me yours.
    NeedEpoch(EpochRef),
    /// Promise me not to vote below this ballot.
    Seal(Seal),
    /// I promise.
    Sealed(Sealed),
    /// Vote for this epoch.
    Accept(Accepted),
    /// I have voted.
    Accepted(Vote),
    /// I have promised a higher ballot.
    Refused(Vote),
    /// How far I am.
    Digest(Digest),
    /// Records.
    Txs(Txs),
    /// Send me records.
    Want(Want),
    /// Send me more of them.
    Credit(Credit),
    /// Make me a member.
    Join(Member),
    /// Something is wrong between us.
    Alarm(String),
    /// Said by a newer version.
    Unknown(u64),
}

/// Opens a link, and again until it is answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hello {
    /// Protocol versions understood, lowest and highest.
    pub protocol: (u64, u64),
    /// The cluster.
    pub cluster: u128,
    /// Replica, node, region and address of the sender.
    pub member: Member,
    /// The sender's process start.
    pub boot: u64,
    /// The sender's durable vector.
    pub vv: VersionVector,
    /// The sender's report counter.
    pub said: u64,
    /// The sender's epoch.
    pub epoch: EpochRef,
    /// The sender's monotonic time in microseconds, echoed in the answer.
    pub sent: u64,
    /// Whether the sender still listens before it speaks.
    pub on_probation: bool,
}

/// Answers a Hello. The evidence is judged by the one it is about, with what it has then: an old message accuses nobody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HelloAck {
    /// Echo of the greeter's id.
    pub replica: ReplicaId,
    /// Echo of the greeter's process start.
    pub boot: u64,
    /// Echo of the greeter's time.
    pub sent: u64,
    /// The sender's wall time in milliseconds.
    pub wall_ms: u64,
    /// What I hold of the greeter's log.
    pub held: Head,
    /// The highest report number I have from the greeter.
    pub said: u64,
}

/// First phase of a change of members.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seal {
    /// The number of the epoch to be agreed.
    pub number: u64,
    /// The ballot to promise.
    pub ballot: Ballot,
}

/// Answers a Seal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// Echo.
    pub number: u64,
    /// Echo.
    pub ballot: Ballot,
    /// What the sender has voted for already.
    pub accepted: Option<Accepted>,
    /// The sender's report counter, which rises with each vote.
    pub said: u64,
}

/// A vote, or the refusal of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Vote {
    /// The number of the epoch to be agreed.
    pub number: u64,
    /// The ballot voted for; in a refusal, the higher one that was promised.
    pub ballot: Ballot,
    /// The sender's report counter, which rises with each vote.
    pub said: u64,
}

/// A report of how far the sender is, all of it durable.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Digest {
    /// The sender's epoch.
    pub epoch: EpochRef,
    /// Number of this report.
    pub said: u64,
    /// The durable vector.
    pub vv: VersionVector,
    /// Chain hash of each origin at its entry in `vv`, in the order of `vv`.
    pub chains: Vec<ChainHash>,
    /// What the sender shows at `vv`, if it stands exactly there.
    pub state: Option<StateDigest>,
    /// Number of the receiver's newest report here; 0 if there is none.
    pub echo: u64,
}

/// Records of one origin, of consecutive sequence numbers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// Whose.
    pub origin: ReplicaId,
    /// Sequence number of the first.
    pub first: u64,
    /// The records.
    pub records: Vec<Bytes>,
}

/// Records, pushed or asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Txs {
    /// The sender's epoch.
    pub epoch: EpochRef,
    /// The sender's durable vector.
    pub vv: VersionVector,
    /// The transfer that this belongs to; 0 for a push.
    pub transfer: u64,
    /// Whether the transfer ends with this.
    pub last: bool,
    /// Bytes of records sent in the transfer, these included; so a lost message costs no credit.
    pub sent: u64,
    /// The records.
    pub runs: Vec<Run>,
}

/// Asks for records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Want {
    /// The asker's epoch.
    pub epoch: EpochRef,
    /// Name of the transfer, drawn by the asker; a later one replaces an earlier one.
    pub transfer: u64,
    /// The asker's durable vector.
    pub vv: VersionVector,
    /// What is missing.
    pub ranges: Vec<LogRange>,
    /// How many bytes may be sent.
    pub credit: u64,
}

/// Lets a transfer go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Credit {
    /// The asker's epoch.
    pub epoch: EpochRef,
    /// Which.
    pub transfer: u64,
    /// How many bytes may be sent, all in all.
    pub total: u64,
}

impl Message {
    /// The bytes to send.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut head = Writer::new();
        head.varint(self.kind());
        let mut fields = FieldWriter::append_to(head.into_bytes());
        match self {
            Self::Hello(hello) => encode_hello(hello, &mut fields),
            Self::HelloAck(ack) => {
                fields.fixed(1, ack.replica.0);
                fields.fixed(2, ack.boot);
                fields.number(3, ack.sent);
                fields.number(4, ack.wall_ms);
                fields.number(5, ack.held.seq);
                fields.fixed(6, ack.held.chain.0);
                fields.with(7, |out| encode_boots(&ack.held.boots, out));
                fields.number(8, ack.said);
            }
            Self::Epoch(epoch) => fields.bytes(1, epoch.encoded()),
            Self::NeedEpoch(epoch) => encode_epoch_ref(*epoch, &mut fields),
            Self::Seal(seal) => {
                fields.number(1, seal.number);
                fields.with(2, |out| seal.ballot.encode(out));
            }
            Self::Sealed(sealed) => {
                encode_vote(sealed.number, sealed.ballot, sealed.said, &mut fields);
                if let Some(accepted) = &sealed.accepted {
                    fields.with(3, |out| accepted.ballot.encode(out));
                    fields.bytes(4, accepted.epoch.encoded());
                }
            }
            Self::Accept(accept) => {
                fields.with(2, |out| accept.ballot.encode(out));
                fields.bytes(4, accept.epoch.encoded());
            }
            Self::Accepted(vote) | Self::Refused(vote) => {
                encode_vote(vote.number, vote.ballot, vote.said, &mut fields);
            }
            Self::Digest(digest) => encode_digest(digest, &mut fields),
            Self::Txs(txs) => encode_txs(txs, &mut fields),
            Self::Want(want) => {
                encode_epoch_ref(want.epoch, &mut fields);
                fields.number(2, want.transfer);
                fields.with(3, |out| want.vv.encode(out));
                fields.with(4, |out| encode_ranges(&want.ranges, out));
                fields.number(5, want.credit);
            }
            Self::Credit(credit) => {
                encode_epoch_ref(credit.epoch, &mut fields);
                fields.number(2, credit.transfer);
                fields.number(5, credit.total);
            }
            Self::Join(member) => fields.bytes(1, &encode_member(member)),
            Self::Alarm(text) => fields.text(1, text),
            Self::Unknown(_) => {}
        }
        fields.into_bytes().into()
    }

    fn kind(&self) -> u64 {
        match self {
            Self::Hello(_) => 1,
            Self::HelloAck(_) => 2,
            Self::Epoch(_) => 3,
            Self::NeedEpoch(_) => 4,
            Self::Seal(_) => 5,
            Self::Sealed(_) => 6,
            Self::Accept(_) => 7,
            Self::Accepted(_) => 8,
            Self::Refused(_) => 9,
            Self::Digest(_) => 10,
            Self::Txs(_) => 11,
            Self::Want(_) => 12,
            Self::Credit(_) => 13,
            Self::Join(_) => 14,
            Self::Alarm(_) => 15,
            Self::Unknown(kind) => *kind,
        }
    }

    /// Reads a message; records in it share the memory of `bytes`.
    ///
    /// # Errors
    /// When the bytes are not a message.
    pub fn decode(bytes: &Bytes) -> Result<Self, CodecError> {
        let mut input = Reader::new(bytes);
        let kind = input.varint("message kind")?;
        let fields = Fields::read(&mut input)?;
        Ok(match kind {
            1 => Self::Hello(decode_hello(&fields)?),
            2 => Self::HelloAck(HelloAck {
                replica: ReplicaId(fields.fixed(1, "ack replica")?),
                boot: fields.fixed(2, "ack boot")?,
                sent: fields.number(3, "ack sent")?,
                wall_ms: fields.number(4, "ack wall time")?,
                held: Head {
                    seq: fields.number(5, "ack last")?,
                    chain: ChainHash(fields.fixed(6, "ack chain")?),
                    boots: fields.with(7, "ack boots", decode_boots)?,
                },
                said: fields.number(8, "ack said")?,
            }),
            3 => Self::Epoch(Epoch::decode(fields.need(1, "epoch")?)?),
            4 => Self::NeedEpoch(decode_epoch_ref(&fields)?),
            5 => Self::Seal(Seal {
                number: fields.number(1, "epoch number")?,
                ballot: fields.with(2, "ballot", Ballot::decode)?,
            }),
            6 => {
                let vote = decode_vote(&fields)?;
                Self::Sealed(Sealed {
                    number: vote.number,
                    ballot: vote.ballot,
                    said: vote.said,
                    accepted: match fields.find(3) {
                        Some(value) => Some(Accepted {
                            ballot: Ballot::decode(&mut Reader::new(value))?,
                            epoch: Epoch::decode(fields.need(4, "accepted epoch")?)?,
                        }),
                        None => None,
                    },
                })
            }
            7 => Self::Accept(Accepted {
                ballot: fields.with(2, "ballot", Ballot::decode)?,
                epoch: Epoch::decode(fields.need(4, "proposed epoch")?)?,
            }),
            8 => Self::Accepted(decode_vote(&fields)?),
            9 => Self::Refused(decode_vote(&fields)?),
            10 => Self::Digest(decode_digest(&fields)?),
            11 => Self::Txs(decode_txs(&fields, bytes)?),
            12 => Self::Want(Want {
                epoch: decode_epoch_ref(&fields)?,
                transfer: fields.number(2, "transfer")?,
                vv: fields.with(3, "vector", VersionVector::decode)?,
                ranges: fields.with(4, "ranges", decode_ranges)?,
                credit: fields.number(5, "credit")?,
            }),
            13 => Self::Credit(Credit {
                epoch: decode_epoch_ref(&fields)?,
                transfer: fields.number(2, "transfer")?,
                total: fields.number(5, "credit")?,
            }),
            14 => Self::Join(decode_member(fields.need(1, "newcomer")?)?),
            15 => Self::Alarm(fields.text(1, "alarm")?),
            kind => Self::Unknown(kind),
        })
    }
}

fn encode_hello(hello: &Hello, fields: &mut FieldWriter) {
    encode_epoch_ref(hello.epoch, fields);
    fields.with(2, |out| {
        out.varint(hello.protocol.0);
        out.varint(hello.protocol.1);
    });
    fields.with(3, |out| out.u128_fixed(hello.cluster));
    fields.bytes(4, &encode_member(&hello.member));
    fields.fixed(5, hello.boot);
    fields.with(6, |out| hello.vv.encode(out));
    fields.number(7, hello.said);
    fields.number(8, hello.sent);
    fields.number(9, u64::from(hello.on_probation));
}

fn decode_hello(fields: &Fields<'_>) -> Result<Hello, CodecError> {
    Ok(Hello {
        epoch: decode_epoch_ref(fields)?,
        protocol: fields.with(2, "protocol", |input| {
            Ok((input.varint("protocol")?, input.varint("protocol")?))
        })?,
        cluster: fields.with(3, "cluster", |input| input.u128_fixed("cluster"))?,
        member: decode_member(fields.need(4, "greeter")?)?,
        boot: fields.fixed(5, "boot")?,
        vv: fields.with(6, "vector", VersionVector::decode)?,
        said: fields.number(7, "said")?,
        sent: fields.number(8, "sent")?,
        on_probation: fields.number_or(9, 0)? != 0,
    })
}

fn encode_epoch_ref(epoch: EpochRef, fields: &mut FieldWriter) {
    fields.with(1, |out| {
        out.varint(epoch.number);
        out.u64_fixed(epoch.hash);
    });
}

fn decode_epoch_ref(fields: &Fields<'_>) -> Result<EpochRef, CodecError> {
    fields.with(1, "epoch", |input| {
        Ok(EpochRef {
            number: input.varint("epoch number")?,
            hash: input.u64_fixed("epoch hash")?,
        })
    })
}

fn encode_vote(number: u64, ballot: Ballot, said: u64, fields: &mut FieldWriter) {
    fields.number(1, number);
    fields.with(2, |out| ballot.encode(out));
    fields.number(5, said);
}

fn decode_vote(fields: &Fields<'_>) -> Result<Vote, CodecError> {
    Ok(Vote {
        number: fields.number(1, "epoch number")?,
        ballot: fields.with(2, "ballot", Ballot::decode)?,
        said: fields.number_or(5, 0)?,
    })
}

fn encode_digest(digest: &Digest, fields: &mut FieldWriter) {
    encode_epoch_ref(digest.epoch, fields);
    fields.number(2, digest.said);
    fields.with(3, |out| digest.vv.encode(out));
    fields.with(4, |out| {
        for chain in &digest.chains {
            out.u64_fixed(chain.0);
        }
    });
    if let Some(state) = digest.state {
        fields.with(5, |out| out.u128_fixed(state.0));
    }
    fields.number(6, digest.echo);
}

fn decode_digest(fields: &Fields<'_>) -> Result<Digest, CodecError> {
    let mut chains = Vec::new();
    let mut hashes = Reader::new(fields.need(4, "chain hashes")?);
    while !hashes.is_empty() {
        chains.push(ChainHash(hashes.u64_fixed("chain hash")?));
    }
    let vv = fields.with(3, "vector", VersionVector::decode)?;
    if chains.len() != vv.len() {
        return Err(CodecError::Invalid {
            at: 0,
            what: "chain hashes",
        });
    }
    Ok(Digest {
        epoch: decode_epoch_ref(fields)?,
        said: fields.number(2, "said")?,
        vv,
        chains,
        state: match fields.find(5) {
            Some(value) => Some(StateDigest(Reader::new(value).u128_fixed("state digest")?)),
            None => None,
        },
        echo: fields.number_or(6, 0)?,
    })
}

fn encode_txs(txs: &Txs, fields: &mut FieldWriter) {
    encode_epoch_ref(txs.epoch, fields);
    fields.with(2, |out| txs.vv.encode(out));
    fields.number(3, txs.transfer);
    fields.number(4, u64::from(txs.last));
    fields.number(6, txs.sent);
    for run in &txs.runs {
        fields.with(5, |out| {
            out.u64_fixed(run.origin.0);
            out.varint(run.first);
            out.varint(run.records.len() as u64);
            for record in &run.records {
                out.bytes(record);
            }
        });
    }
}

fn decode_txs(fields: &Fields<'_>, message: &Bytes) -> Result<Txs, CodecError> {
    let mut runs = Vec::new();
    for value in fields.all(5) {
        let mut input = Reader::new(value);
        let origin = ReplicaId(input.u64_fixed("run origin")?);
        let first = input.varint("run first")?;
        let count = input.count(1, "run length")?;
        if first == 0 || first.checked_add(count as u64).is_none() {
            return Err(input.invalid("run first"));
        }
        let mut records = Vec::with_capacity(count);
        for _ in 0..count {
            records.push(message.slice_ref(input.bytes("record")?));
        }
        runs.push(Run {
            origin,
            first,
            records,
        });
    }
    Ok(Txs {
        epoch: decode_epoch_ref(fields)?,
        vv: fields.with(2, "vector", VersionVector::decode)?,
        transfer: fields.number(3, "transfer")?,
        last: fields.number_or(4, 0)? != 0,
        sent: fields.number_or(6, 0)?,
        runs,
    })
}

fn encode_ranges(ranges: &[LogRange], out: &mut Writer) {
    out.varint(ranges.len() as u64);
    for range in ranges {
        out.u64_fixed(range.origin.0);
        out.varint(range.first);
        out.varint(range.last);
    }
}

fn decode_ranges(input: &mut Reader<'_>) -> Result<Vec<LogRange>, CodecError> {
    let count = input.count(10, "ranges")?;
    let mut ranges = Vec::with_capacity(count);
    for _ in 0..count {
        let range = LogRange {
            origin: ReplicaId(input.u64_fixed("range origin")?),
            first: input.varint("range first")?,
            last: input.varint("range last")?,
        };
        if range.first == 0 || range.last < range.first {
            return Err(input.invalid("range"));
        }
        ranges.push(range);
    }
    Ok(ranges)
}
