//! Messages come back as they were; hostile bytes are refused without harm; what a newer version adds is skipped.

use antipode_clock::codec::Writer;
use antipode_clock::{ReplicaId, VersionVector};
use antipode_replication::message::{
    Credit, Digest, Hello, HelloAck, Message, Run, Seal, Sealed, Txs, Vote, Want,
};
use antipode_replication::{
    Accepted, Ballot, ChainHash, Epoch, EpochRef, Head, LogRange, Member, MembershipState,
    StateDigest,
};
use bytes::Bytes;
use proptest::prelude::*;

fn member(id: u64) -> Member {
    Member {
        replica: ReplicaId(id),
        node: format!("node-{id}"),
        region: "tokyo".to_owned(),
        address: "127.0.0.1:7490".to_owned(),
    }
}

fn examples() -> Vec<Message> {
    let vv: VersionVector = [(ReplicaId(1), 7), (ReplicaId(2), 300)]
        .into_iter()
        .collect();
    let founding = Epoch::founding(member(1));
    let second = founding.joined_by(&[member(3), member(2)]);
    let epoch = second.reference();
    let ballot = Ballot {
        round: 3,
        proposer: ReplicaId(2),
    };
    let accepted = Accepted {
        ballot,
        epoch: second.clone(),
    };
    let vote = Vote {
        number: 2,
        ballot,
        said: 9,
    };
    vec![
        Message::Hello(Hello {
            protocol: (1, 4),
            cluster: u128::MAX - 1,
            member: member(1),
            boot: 99,
            vv: vv.clone(),
            said: 1_000,
            epoch,
            sent: 12,
            on_probation: true,
        }),
        Message::HelloAck(HelloAck {
            replica: ReplicaId(1),
            boot: 99,
            sent: 12,
            wall_ms: 1_700_000_000_000,
            held: Head {
                seq: 7,
                chain: ChainHash(1),
                boots: vec![(98, 4), (99, 7)],
            },
            said: 5,
        }),
        Message::Epoch(second.clone()),
        Message::NeedEpoch(EpochRef::default()),
        Message::Seal(Seal { number: 2, ballot }),
        Message::Sealed(Sealed {
            number: 2,
            ballot,
            accepted: None,
            said: 1,
        }),
        Message::Sealed(Sealed {
            number: 2,
            ballot,
            accepted: Some(accepted.clone()),
            said: 1,
        }),
        Message::Accept(accepted),
        Message::Accepted(vote),
        Message::Refused(vote),
        Message::Digest(Digest {
            epoch,
            said: 4,
            vv: vv.clone(),
            chains: vec![ChainHash(3), ChainHash(4)],
            state: Some(StateDigest(5)),
            echo: 6,
        }),
        Message::Txs(Txs {
            epoch,
            vv: vv.clone(),
            transfer: 8,
            last: true,
            sent: 77,
            runs: vec![Run {
                origin: ReplicaId(2),
                first: 299,
                records: vec![Bytes::from_static(b"one"), Bytes::new()],
            }],
        }),
        Message::Want(Want {
            epoch,
            transfer: 8,
            vv,
            ranges: vec![LogRange {
                origin: ReplicaId(2),
                first: 1,
                last: u64::MAX,
            }],
            credit: 1 << 20,
        }),
        Message::Credit(Credit {
            epoch,
            transfer: 8,
            total: 2 << 20,
        }),
        Message::Join(member(4)),
        Message::Alarm("all is lost".to_owned()),
    ]
}

#[test]
fn messages_come_back() {
    for message in examples() {
        assert_eq!(Message::decode(&message.encode()).as_ref(), Ok(&message));
    }
}

#[test]
fn what_a_newer_version_adds_is_skipped() {
    for message in examples() {
        let mut out = Writer::append_to(message.encode().to_vec());
        out.varint(4_711);
        out.bytes(b"news");
        let bytes = Bytes::from(out.into_bytes());
        assert_eq!(Message::decode(&bytes), Ok(message));
    }
    let mut out = Writer::new();
    out.varint(99);
    let unknown = Message::decode(&out.into_bytes().into());
    assert_eq!(unknown, Ok(Message::Unknown(99)));
}

#[test]
fn an_epoch_keeps_fields_that_it_does_not_know() {
    let epoch = Epoch::founding(member(1));
    let mut out = Writer::append_to(epoch.encoded().to_vec());
    out.varint(99);
    out.bytes(b"news");
    let newer = Epoch::decode(&out.into_bytes()).expect("an epoch");
    assert_ne!(newer.reference(), epoch.reference());
    let relayed = Message::decode(&Message::Epoch(newer.clone()).encode());
    assert_eq!(relayed, Ok(Message::Epoch(newer)));
}

#[test]
fn durable_membership_comes_back() {
    let mut state = MembershipState::founding(member(1));
    assert_eq!(
        MembershipState::decode(&state.encode()).as_ref(),
        Ok(&state)
    );
    state.said = 2_000;
    state.former = vec![ReplicaId(5)];
    state.promised = Some(Ballot {
        round: 2,
        proposer: ReplicaId(1),
    });
    state.accepted = Some(Accepted {
        ballot: Ballot::default(),
        epoch: state.epoch.joined_by(&[member(2)]),
    });
    let bytes = state.encode();
    assert_eq!(MembershipState::decode(&bytes), Ok(state));
    for end in 0..bytes.len() {
        let _ = MembershipState::decode(&bytes[..end]);
    }
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes: Vec<u8>) {
        let _ = Message::decode(&Bytes::from(bytes.clone()));
        let _ = Epoch::decode(&bytes);
        let _ = MembershipState::decode(&bytes);
    }

    #[test]
    fn damaged_messages_never_panic(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = which.get(&examples()).encode().to_vec();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        let _ = Message::decode(&Bytes::from(bytes.clone()));
        bytes.truncate(cut.index(bytes.len()));
        let _ = Message::decode(&Bytes::from(bytes));
    }
}
