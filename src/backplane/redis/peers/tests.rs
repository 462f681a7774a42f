use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn read(node: NodeId, version: i64, users: &[UserId]) -> Read {
    Read { node, version, users: users.iter().copied().collect(), held: None, formers: vec![], left: false, streams: false }
}

#[test]
fn a_delta_counts_only_on_the_version_it_starts_from() {
    let (peers, roster) = (Peers::default(), Roster::new(true));
    let (node, ann, bob) = (NodeId::new(), UserId::new(), UserId::new());
    peers.update(&[node], vec![read(node, 3, &[ann])], &HashSet::new(), NOW, &roster);

    peers.apply(PresenceDelta { node, from: 5, to: 6, online: vec![bob], offline: vec![], seen: vec![] }, NOW, &roster);
    assert_eq!(*roster.watch().borrow().users, [ann], "a missing delta makes this one unusable");
    peers.apply(PresenceDelta { node, from: 3, to: 6, online: vec![bob], offline: vec![ann], seen: vec![7000] }, NOW, &roster);
    assert_eq!(*roster.watch().borrow().users, [bob]);
    assert_eq!(roster.last_seen(ann), Timestamp::from_timestamp(7, 0), "as that node said");
}

#[test]
fn a_node_that_redis_forgot_stays_in_view_and_a_swept_one_goes_for_good() {
    let (peers, roster) = (Peers::default(), Roster::new(true));
    let (node, ann) = (NodeId::new(), UserId::new());
    let anew = || vec![read(node, 1, &[ann])];
    peers.update(&[node], anew(), &HashSet::new(), NOW, &roster);
    peers.update(&[], vec![], &HashSet::new(), NOW, &roster);
    assert_eq!(*roster.watch().borrow().users, [ann]);

    peers.swept(node, NOW, &roster);
    peers.update(&[node], anew(), &HashSet::new(), NOW, &roster);
    assert!(roster.watch().borrow().users.is_empty());
}

#[test]
fn the_ids_that_a_node_had_before_go_when_it_is_read() {
    let (peers, roster) = (Peers::default(), Roster::new(true));
    let [node, former] = [NodeId::new(), NodeId::new()];
    let [ann, bob] = [UserId::new(), UserId::new()];
    peers.update(&[former], vec![read(former, 1, &[ann, bob])], &HashSet::new(), NOW, &roster);
    let version = roster.watch().borrow().version;

    peers.update(&[node, former], vec![Read { formers: vec![former], ..read(node, 2, &[ann]) }], &HashSet::new(), NOW, &roster);

    let online = roster.watch().borrow().clone();
    assert_eq!((online.version, online.users.as_slice()), (version + 1, [ann].as_slice()), "in one step");
}

#[test]
fn a_view_that_differs_from_the_same_version_is_corrected_and_counted() {
    let (peers, roster) = (Peers::default(), Roster::new(true));
    let [node, gone] = [NodeId::new(), NodeId::new()];
    let [ann, bob, carl] = [UserId::new(), UserId::new(), UserId::new()];
    peers.update(&[node, gone], vec![read(node, 3, &[ann]), read(gone, 1, &[carl])], &HashSet::new(), NOW, &roster);

    let again = vec![Read { held: Some(3), ..read(node, 3, &[bob]) }];
    assert_eq!(peers.update(&[node], again, &HashSet::new(), NOW, &roster), 2);
    assert_eq!(*roster.watch().borrow().users, [bob, carl], "the one that is missing may come back");

    assert_eq!(peers.missing(), [gone]);
    peers.swept(gone, NOW, &roster);
    let older = vec![read(node, 2, &[ann])];
    assert_eq!(peers.update(&[node], older, &HashSet::new(), NOW, &roster), 0);
    assert_eq!(*roster.watch().borrow().users, [bob], "older data don't count");
    let overtaken = vec![Read { held: Some(2), ..read(node, 2, &[ann]) }];
    assert_eq!(peers.update(&[node], overtaken, &HashSet::new(), NOW, &roster), 0);
    let still_older = vec![Read { held: Some(3), ..read(node, 2, &[ann]) }];
    assert_eq!(peers.update(&[node], still_older, &HashSet::new(), NOW, &roster), 2);
    assert_eq!(*roster.watch().borrow().users, [ann], "unless Redis keeps to them");
}

#[test]
fn deltas_chain_from_what_was_last_told() {
    let (peers, node, ann) = (Peers::default(), NodeId::new(), UserId::new());
    peers.changed(node, 1, [(ann, None)]);
    peers.changed(node, 2, [(ann, Some(NOW))]);
    let delta = peers.delta().expect("something changed");
    assert_eq!((delta.from, delta.to, delta.online, delta.offline), (0, 2, vec![], vec![ann]));
    assert_eq!(peers.delta(), None);
    peers.changed(node, 3, [(ann, None)]);
    assert_eq!(peers.delta().map(|delta| (delta.from, delta.to)), Some((2, 3)));
}
