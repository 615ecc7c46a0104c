//! What a replica must not forget about the membership of its group, and the bytes in which it is kept.

use antipode_clock::codec::{CodecError, Reader, Writer};
use antipode_clock::{ReplicaId, VersionVector};
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::wire::{FieldWriter, Fields};

/// Names an epoch: its number, and a hash of its content. Number 0 is the state of a replica that has not joined yet.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EpochRef {
    /// Its number.
    pub number: u64,
    /// Hash of its encoding.
    pub hash: u64,
}

/// A replica in the member list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Its id.
    pub replica: ReplicaId,
    /// Name of the node.
    pub node: String,
    /// Region of the node.
    pub region: String,
    /// Where it could be dialled when it joined; empty when it could not.
    pub address: String,
}

/// An id that an epoch closed. No operation of this version closes one; the row has its place in the format.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Retired {
    /// The id.
    pub replica: ReplicaId,
    /// Its last transaction that the group takes.
    pub last: u64,
    /// Its process starts up to there, as in [`crate::Head::boots`].
    pub boots: Vec<(u64, u64)>,
}

/// A numbered, complete statement of membership. Its bytes are kept as they came, so that the hash also covers what a
/// later version added.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Epoch {
    number: u64,
    members: Vec<Member>,
    retired: Vec<Retired>,
    ancestors: Vec<u64>,
    encoded: Bytes,
}

impl Epoch {
    /// The epoch before the first: no members.
    #[must_use]
    pub fn none() -> Self {
        Self::new(0, Vec::new(), Vec::new(), Vec::new())
    }

    /// Epoch 1 of a cluster with one founder.
    #[must_use]
    pub fn founding(founder: Member) -> Self {
        Self::new(1, vec![founder], Vec::new(), Vec::new())
    }

    /// The epoch after this one, with `newcomers` added.
    #[must_use]
    pub fn joined_by(&self, newcomers: &[Member]) -> Self {
        let mut members = self.members.clone();
        members.extend(newcomers.iter().cloned());
        let mut ancestors = self.ancestors.clone();
        ancestors.push(self.reference().hash);
        Self::new(self.number + 1, members, self.retired.clone(), ancestors)
    }

    fn new(
        number: u64,
        mut members: Vec<Member>,
        retired: Vec<Retired>,
        ancestors: Vec<u64>,
    ) -> Self {
        members.sort_by_key(|member| member.replica);
        members.dedup_by_key(|member| member.replica);
        let mut fields = FieldWriter::default();
        fields.number(1, number);
        for member in &members {
            fields.bytes(2, &encode_member(member));
        }
        for row in &retired {
            fields.bytes(3, &encode_retired(row));
        }
        fields.with(4, |out| {
            for hash in &ancestors {
                out.u64_fixed(*hash);
            }
        });
        Self {
            number,
            members,
            retired,
            ancestors,
            encoded: fields.into_bytes().into(),
        }
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its name.
    #[must_use]
    pub fn reference(&self) -> EpochRef {
        if self.number == 0 {
            return EpochRef::default();
        }
        EpochRef {
            number: self.number,
            hash: xxh3_64(&self.encoded),
        }
    }

    /// The members, by id.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether `replica` is a member.
    #[must_use]
    pub fn has_member(&self, replica: ReplicaId) -> bool {
        self.member(replica).is_some()
    }

    /// The member of that id.
    #[must_use]
    pub fn member(&self, replica: ReplicaId) -> Option<&Member> {
        self.members
            .binary_search_by_key(&replica, |member| member.replica)
            .ok()
            .and_then(|index| self.members.get(index))
    }

    /// Whether `replica` was closed.
    #[must_use]
    pub fn is_retired(&self, replica: ReplicaId) -> bool {
        self.retired.iter().any(|row| row.replica == replica)
    }

    /// More than half of the members.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.members.len() / 2 + 1
    }

    /// Whether this epoch came, in however many steps, after `earlier`.
    #[must_use]
    pub fn descends_from(&self, earlier: EpochRef) -> bool {
        earlier.number == 0
            || usize::try_from(earlier.number - 1)
                .ok()
                .and_then(|index| self.ancestors.get(index))
                .is_some_and(|hash| *hash == earlier.hash)
    }

    /// The bytes, the same on every replica.
    #[must_use]
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// Reads what [`Epoch::encoded`] gave.
    ///
    /// # Errors
    /// When the bytes are not an epoch.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let fields = Fields::read(&mut Reader::new(bytes))?;
        let number = fields.number(1, "epoch number")?;
        let members: Vec<_> = fields.all(2).map(decode_member).collect::<Result<_, _>>()?;
        let retired = fields
            .all(3)
            .map(decode_retired)
            .collect::<Result<_, _>>()?;
        let mut ancestors = Vec::new();
        let mut hashes = Reader::new(fields.find(4).unwrap_or_default());
        while !hashes.is_empty() {
            ancestors.push(hashes.u64_fixed("epoch ancestor")?);
        }
        let sorted = members
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if a.replica < b.replica));
        let complete = ancestors.len() as u64 == number.saturating_sub(1);
        if !sorted || !complete || (number == 0) != members.is_empty() {
            return Err(CodecError::Invalid {
                at: 0,
                what: "epoch",
            });
        }
        Ok(Self {
            number,
            members,
            retired,
            ancestors,
            encoded: Bytes::copy_from_slice(bytes),
        })
    }
}

pub(crate) fn encode_member(member: &Member) -> Vec<u8> {
    let mut fields = FieldWriter::default();
    fields.fixed(1, member.replica.0);
    fields.text(2, &member.node);
    fields.text(3, &member.region);
    fields.text(4, &member.address);
    fields.into_bytes()
}

pub(crate) fn decode_member(bytes: &[u8]) -> Result<Member, CodecError> {
    let fields = Fields::read(&mut Reader::new(bytes))?;
    Ok(Member {
        replica: ReplicaId(fields.fixed(1, "member id")?),
        node: fields.text(2, "member node")?,
        region: fields.text(3, "member region")?,
        address: fields.text(4, "member address")?,
    })
}

fn encode_retired(row: &Retired) -> Vec<u8> {
    let mut fields = FieldWriter::default();
    fields.fixed(1, row.replica.0);
    fields.number(2, row.last);
    fields.with(3, |out| encode_boots(&row.boots, out));
    fields.into_bytes()
}

fn decode_retired(bytes: &[u8]) -> Result<Retired, CodecError> {
    let fields = Fields::read(&mut Reader::new(bytes))?;
    Ok(Retired {
        replica: ReplicaId(fields.fixed(1, "retired id")?),
        last: fields.number(2, "retired last")?,
        boots: fields.with(3, "retired boots", decode_boots)?,
    })
}

pub(crate) fn encode_boots(boots: &[(u64, u64)], out: &mut Writer) {
    out.varint(boots.len() as u64);
    for (boot, last) in boots {
        out.u64_fixed(*boot);
        out.varint(*last);
    }
}

pub(crate) fn decode_boots(input: &mut Reader<'_>) -> Result<Vec<(u64, u64)>, CodecError> {
    let count = input.count(9, "boots")?;
    let mut boots = Vec::with_capacity(count);
    for _ in 0..count {
        boots.push((input.u64_fixed("boot")?, input.varint("boot last")?));
    }
    Ok(boots)
}

/// The order of proposals for one epoch: by round, then by proposer.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ballot {
    /// Rises with every attempt.
    pub round: u64,
    /// Who proposes.
    pub proposer: ReplicaId,
}

impl Ballot {
    pub(crate) fn encode(self, out: &mut Writer) {
        out.varint(self.round);
        out.u64_fixed(self.proposer.0);
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            round: input.varint("ballot round")?,
            proposer: ReplicaId(input.u64_fixed("ballot proposer")?),
        })
    }
}

/// A proposal for the next epoch that a member has accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accepted {
    /// Under which ballot.
    pub ballot: Ballot,
    /// What.
    pub epoch: Epoch,
}

/// The durable part of membership: one value, replaced as a whole by [`crate::Output::Persist`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MembershipState {
    /// The newest epoch known.
    pub epoch: Epoch,
    /// For the epoch after it: the highest ballot promised.
    pub promised: Option<Ballot>,
    /// For the epoch after it: the proposal accepted.
    pub accepted: Option<Accepted>,
    /// A bound above every report and vote number ever used.
    pub said: u64,
    /// Ids under which this node originated before.
    pub former: Vec<ReplicaId>,
}

/// Version byte in front of an encoded [`MembershipState`].
const STATE_VERSION: u8 = 1;

impl MembershipState {
    /// Of a node that founds a cluster: epoch 1 with itself as the only member.
    #[must_use]
    pub fn founding(founder: Member) -> Self {
        Self::with_epoch(Epoch::founding(founder))
    }

    /// Of a node that is to join: no epoch yet.
    #[must_use]
    pub fn joining() -> Self {
        Self::with_epoch(Epoch::none())
    }

    fn with_epoch(epoch: Epoch) -> Self {
        Self {
            epoch,
            promised: None,
            accepted: None,
            said: 0,
            former: Vec::new(),
        }
    }

    /// The bytes to keep.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut fields = FieldWriter::append_to(vec![STATE_VERSION]);
        fields.bytes(1, self.epoch.encoded());
        if let Some(ballot) = self.promised {
            fields.with(2, |out| ballot.encode(out));
        }
        if let Some(accepted) = &self.accepted {
            fields.with(3, |out| accepted.ballot.encode(out));
            fields.bytes(4, accepted.epoch.encoded());
        }
        fields.number(5, self.said);
        fields.with(6, |out| {
            for replica in &self.former {
                out.u64_fixed(replica.0);
            }
        });
        fields.into_bytes().into()
    }

    /// Reads what [`MembershipState::encode`] gave.
    ///
    /// # Errors
    /// When the bytes are not such a state.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut input = Reader::new(bytes);
        if input.u8("membership version")? != STATE_VERSION {
            return Err(input.invalid("membership version"));
        }
        let fields = Fields::read(&mut input)?;
        let promised = match fields.find(2) {
            Some(value) => Some(Ballot::decode(&mut Reader::new(value))?),
            None => None,
        };
        let accepted = match fields.find(3) {
            Some(value) => Some(Accepted {
                ballot: Ballot::decode(&mut Reader::new(value))?,
                epoch: Epoch::decode(fields.need(4, "accepted epoch")?)?,
            }),
            None => None,
        };
        let mut former = Vec::new();
        let mut ids = Reader::new(fields.find(6).unwrap_or_default());
        while !ids.is_empty() {
            former.push(ReplicaId(ids.u64_fixed("former id")?));
        }
        Ok(Self {
            epoch: Epoch::decode(fields.need(1, "epoch")?)?,
            promised,
            accepted,
            said: fields.number(5, "said")?,
            former,
        })
    }
}

/// What a replica begins with after its node has recovered its log.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The membership state that was last made durable.
    pub membership: MembershipState,
    /// What is applied; all of it is durable.
    pub vv: VersionVector,
    /// What the replica shows at `vv`.
    pub digest: crate::StateDigest,
    /// For each origin in `vv`, how far its log is held.
    pub heads: std::collections::BTreeMap<ReplicaId, crate::Head>,
}
