//! Keys come back from their bytes, and their bytes sort as they are scanned.

use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,4}",
        proptest::collection::vec(
            prop_oneof![Just('\0'), Just('\u{1}'), Just('a'), any::<char>()],
            0..6
        )
        .prop_map(|chars| chars.into_iter().collect()),
    ]
}

fn group_item() -> impl Strategy<Value = GroupKey> {
    let replica = any::<u64>().prop_map(ReplicaId);
    prop_oneof![
        Just(GroupKey::State),
        replica.clone().prop_map(GroupKey::Head),
        Just(GroupKey::Floor),
        Just(GroupKey::Held),
        Just(GroupKey::Membership),
        replica.clone().prop_map(GroupKey::Report),
        replica.prop_map(GroupKey::Seal),
        any::<u64>().prop_map(GroupKey::Mark),
    ]
}

fn meta() -> impl Strategy<Value = MetaKey> {
    prop_oneof![
        Just(MetaKey::Identity),
        Just(MetaKey::ClockBound),
        any::<u32>().prop_map(MetaKey::ReplicaNumber),
        any::<u64>().prop_map(|id| MetaKey::DocumentCount(CollectionId(id))),
        any::<u64>().prop_map(|id| MetaKey::IndexState(IndexId(id))),
        (any::<u64>(), group_item()).prop_map(|(id, item)| MetaKey::Group(GroupId(id), item)),
    ]
}

fn direction() -> impl Strategy<Value = EdgeDirection> {
    prop_oneof![Just(EdgeDirection::Out), Just(EdgeDirection::In)]
}

proptest! {
    #[test]
    fn meta_keys_come_back_in_order(one in meta(), other in meta()) {
        prop_assert_eq!(MetaKey::decode(&one.encode()), Ok(one));
        prop_assert_eq!(one.encode().cmp(&other.encode()), one.cmp(&other));
    }

    #[test]
    fn group_state_is_found_by_its_group(id: u64, item in group_item(), other: u64) {
        let key = MetaKey::Group(GroupId(id), item).encode();
        prop_assert!(MetaKey::group(GroupId(id)).contains(&key));
        prop_assert_eq!(MetaKey::group(GroupId(other)).contains(&key), id == other);
        prop_assert_eq!(
            MetaKey::heads(GroupId(id)).contains(&key),
            matches!(item, GroupKey::Head(_))
        );
        prop_assert!(MetaKey::groups().contains(&key));
    }

    #[test]
    fn document_keys_come_back_in_order(a: u64, b: u64, x in text(), y in text()) {
        let one = DocumentKey { collection: CollectionId(a), key: &x };
        let other = DocumentKey { collection: CollectionId(b), key: &y };
        let bytes = one.encode();
        prop_assert_eq!(DocumentKey::decode(&bytes), Ok(one));
        prop_assert_eq!(one.encode().cmp(&other.encode()), one.cmp(&other));
        prop_assert_eq!(DocumentKey::range(CollectionId(a)).contains(&other.encode()), a == b);
    }

    #[test]
    fn log_keys_come_back_in_order(a: (u64, u64, u64), b: (u64, u64, u64), first: u64, last: u64) {
        let key = |(group, replica, seq)| LogKey {
            group: GroupId(group),
            dot: Dot::new(ReplicaId(replica), seq),
        };
        let (one, other) = (key(a), key(b));
        prop_assert_eq!(LogKey::decode(&one.encode()), Ok(one));
        prop_assert_eq!(one.encode().cmp(&other.encode()), one.cmp(&other));
        let range = LogKey::range(one.group, one.dot.replica, first, last);
        prop_assert_eq!(
            range.contains(&one.encode()),
            (first..=last).contains(&one.dot.seq)
        );
        prop_assert!(LogKey::origin(one.group, one.dot.replica).contains(&one.encode()));
        prop_assert!(LogKey::range(one.group, one.dot.replica, 0, u64::MAX).contains(&one.encode()));
        prop_assert_eq!(LogKey::group(one.group).contains(&other.encode()), a.0 == b.0);
    }

    #[test]
    fn edge_keys_come_back_in_order(
        a: u64, x in text(), to in direction(), e in text(),
        y in text(), back in direction(), f in text(),
    ) {
        let one = EdgeKey { collection: CollectionId(a), vertex: Cow::Borrowed(&x), direction: to, edge: &e };
        let other = EdgeKey { collection: CollectionId(a), vertex: Cow::Borrowed(&y), direction: back, edge: &f };
        let key = one.encode();
        prop_assert_eq!(EdgeKey::decode(&key), Ok(one.clone()));
        prop_assert_eq!(
            key.cmp(&other.encode()),
            (&x, to, &e).cmp(&(&y, back, &f))
        );
        prop_assert_eq!(
            EdgeKey::at_vertex(CollectionId(a), &x, to).contains(&other.encode()),
            x == y && to == back
        );
        prop_assert!(EdgeKey::range(CollectionId(a)).contains(&key));
    }

    #[test]
    fn message_keys_come_back_in_order(a: (u64, u64, u64), b: (u64, u64, u64)) {
        let key = |(stream, origin, seq)| MessageKey {
            stream: StreamId(stream),
            origin: ReplicaId(origin),
            seq,
        };
        let (one, other) = (key(a), key(b));
        prop_assert_eq!(MessageKey::decode(&one.encode()), Ok(one));
        prop_assert_eq!(one.encode().cmp(&other.encode()), one.cmp(&other));
        prop_assert!(MessageKey::range(one.stream).contains(&one.encode()));
        prop_assert_eq!(
            MessageKey::origin(one.stream, one.origin).contains(&other.encode()),
            (a.0, a.1) == (b.0, b.1)
        );
    }

    #[test]
    fn cursor_and_expiry_keys_come_back_in_order(a: (u64, u64), b: (u64, u64), x in text(), y in text()) {
        let one = CursorKey { stream: StreamId(a.0), name: &x };
        let other = CursorKey { stream: StreamId(b.0), name: &y };
        let bytes = one.encode();
        prop_assert_eq!(CursorKey::decode(&bytes), Ok(one));
        prop_assert_eq!(one.encode().cmp(&other.encode()), one.cmp(&other));
        prop_assert!(CursorKey::range(one.stream).contains(&one.encode()));

        let one = ExpiryKey { at_ms: a.0, collection: CollectionId(a.1), key: &x };
        let other = ExpiryKey { at_ms: b.0, collection: CollectionId(b.1), key: &y };
        let bytes = one.encode();
        prop_assert_eq!(ExpiryKey::decode(&bytes), Ok(one));
        prop_assert_eq!(one.encode().cmp(&other.encode()), one.cmp(&other));
        prop_assert_eq!(ExpiryKey::due(a.0).contains(&other.encode()), b.0 <= a.0);
    }

    #[test]
    fn conflict_and_change_keys_come_back_in_order(
        a: (u64, u64, u64, u32), b: (u64, u64, u64, u32), x in text(), above: u64,
    ) {
        let key = |(collection, hlc, replica, number)| ConflictKey {
            collection: CollectionId(collection),
            stamp: Stamp::new(Hlc(hlc), ReplicaId(replica)),
            number,
        };
        let (one, other) = (key(a), key(b));
        prop_assert_eq!(ConflictKey::decode(&one.encode()), Ok(one));
        prop_assert_eq!(one.encode().cmp(&other.encode()), one.cmp(&other));
        prop_assert!(ConflictKey::range(one.collection).contains(&one.encode()));

        let number = ChangeKey::Number { group: GroupId(a.0), number: a.1 };
        let document = ChangeKey::Document { group: GroupId(a.0), collection: CollectionId(a.1), key: &x };
        let bytes = number.encode();
        prop_assert_eq!(ChangeKey::decode(&bytes), Ok(number));
        let bytes = document.encode();
        prop_assert_eq!(ChangeKey::decode(&bytes), Ok(document));
        let range = ChangeKey::above(GroupId(a.0), above);
        prop_assert_eq!(range.contains(&number.encode()), a.1 > above);
        prop_assert!(!range.contains(&document.encode()));
    }

    #[test]
    fn hostile_keys_never_panic(key: Vec<u8>) {
        let _ = MetaKey::decode(&key);
        let _ = DocumentKey::decode(&key);
        let _ = LogKey::decode(&key);
        let _ = EdgeKey::decode(&key);
        let _ = MessageKey::decode(&key);
        let _ = CursorKey::decode(&key);
        let _ = ExpiryKey::decode(&key);
        let _ = ConflictKey::decode(&key);
        let _ = ChangeKey::decode(&key);
    }
}

#[test]
fn keys_look_as_the_picture_says() {
    let hex = |key: Vec<u8>| {
        key.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    assert_eq!(hex(MetaKey::Identity.encode()), "01");
    assert_eq!(hex(MetaKey::ReplicaNumber(7).encode()), "0300000007");
    assert_eq!(
        hex(MetaKey::Group(GroupId(2), GroupKey::Head(ReplicaId(3))).encode()),
        "100000000000000002020000000000000003"
    );
    assert_eq!(
        hex(DocumentKey {
            collection: CollectionId(0x0102),
            key: "ab"
        }
        .encode()),
        "00000000000001026162"
    );
    assert_eq!(
        hex(EdgeKey {
            collection: CollectionId(1),
            vertex: Cow::Borrowed("v\0w"),
            direction: EdgeDirection::In,
            edge: "e"
        }
        .encode()),
        "00000000000000017600ff7700010165"
    );
    assert_eq!(
        hex(ChangeKey::Number {
            group: GroupId(1),
            number: 2
        }
        .encode()),
        "0000000000000000010000000000000002"
    );
}

proptest! {
    #[test]
    fn index_keys_come_back(id: u64, entry: Vec<u8>, key in "[a-z]{1,9}") {
        let index = IndexKey { index: IndexId(id), entry: &entry, key: &key };
        let bytes = index.encode();
        prop_assert_eq!(IndexKey::decode(&bytes, key.len()), Ok(index));
        prop_assert!(IndexKey::range(IndexId(id)).contains(&bytes));
        prop_assert!(IndexKey::beginning(IndexId(id), &entry).contains(&bytes));
        prop_assert!(IndexKey::decode(&bytes, bytes.len()).is_err());
    }
}
