use super::*;

fn registry(node: NodeId) -> Registry {
    let registry = Registry::default();
    registry.register_again(node, &HashSet::new(), Timestamp::UNIX_EPOCH);
    registry
}

#[tokio::test]
async fn a_person_who_left_while_being_written_is_written_again() {
    let (registry, ann) = (registry(NodeId::new()), UserId::new());
    let attaching = registry.attach(ann, || {});
    let batch = registry.next(10).await;
    registry.detach(ann, Timestamp::UNIX_EPOCH);
    registry.written(&batch, |_, _| {});

    let batch = registry.next(10).await;
    assert!(!batch.changes[0].attached);
    registry.written(&batch, |_, _| {});
    assert!(registry.is_empty());
    drop(attaching);
}

#[tokio::test]
async fn what_an_older_registration_wrote_does_not_count() {
    let (registry, ann) = (registry(NodeId::new()), UserId::new());
    let Attaching::Waiting(mut told) = registry.attach(ann, || {}) else { panic!("nothing is written yet") };
    let old = registry.next(10).await;
    registry.register_again(NodeId::new(), &HashSet::new(), Timestamp::UNIX_EPOCH);
    registry.written(&old, |_, _| {});
    assert!(told.try_recv().is_err(), "the fence must not stand on a dead node id");

    let new = registry.next(10).await;
    registry.written(&new, |_, _| {});
    assert_eq!(told.try_recv(), Ok(()));
    assert!(registry.settled().await);
    assert!(matches!(registry.attach(ann, || {}), Attaching::Registered));
}

#[tokio::test]
async fn a_registration_is_complete_with_the_last_of_those_who_were_here_and_without_others() {
    let (registry, node) = (registry(NodeId::new()), NodeId::new());
    assert!(registry.next(10).await.complete, "nobody is somebody to tell, too");
    let [ann, bob, ghost] = [UserId::new(), UserId::new(), UserId::new()];
    drop((registry.attach(ann, || {}), registry.attach(bob, || {})));
    registry.register_again(node, &HashSet::from([ann, ghost]), Timestamp::UNIX_EPOCH);

    let mut seen = HashMap::new();
    for complete in [false, false, true] {
        let batch = registry.next(1).await;
        assert_eq!((batch.complete, registry.is_settled()), (complete, false));
        seen.extend(batch.changes.iter().map(|change| (change.user, change.attached)));
        registry.written(&batch, |_, _| {});
    }

    assert_eq!(seen, HashMap::from([(ann, true), (bob, true), (ghost, false)]));
    assert!(registry.is_settled());
}

#[tokio::test]
async fn whoever_was_answered_later_is_owed_a_reconcile_once_registered() {
    let (registry, ann) = (registry(NodeId::new()), UserId::new());
    let Attaching::Waiting(told) = registry.attach(ann, || {}) else { panic!("nothing is written yet") };
    assert!(registry.is_late(ann, told));
    let batch = registry.next(10).await;
    registry.failed(&batch);
    let batch = registry.next(10).await;
    assert!(registry.written(&batch, |_, _| {}));
    assert_eq!(registry.expected().map(|(people, _)| people), Some(1));
}

#[tokio::test]
async fn who_left_is_shown_until_that_is_written_and_who_came_back_meanwhile_all_along() {
    let (registry, ann) = (registry(NodeId::new()), UserId::new());
    let mut shown = 0;
    drop(registry.attach(ann, || shown += 1));
    registry.written(&registry.next(10).await, |_, _| panic!("nobody left"));

    registry.detach(ann, Timestamp::UNIX_EPOCH);
    let batch = registry.next(10).await;
    drop(registry.attach(ann, || shown += 1));
    registry.written(&batch, |_, _| panic!("she is back"));
    assert_eq!(shown, 1, "she was never gone");

    registry.written(&registry.next(10).await, |_, _| panic!("nobody left"));
    registry.detach(ann, Timestamp::UNIX_EPOCH);
    let mut gone = Vec::new();
    registry.written(&registry.next(10).await, |user, seen| gone.push((user, seen)));
    assert_eq!(gone, [(ann, Some(Timestamp::UNIX_EPOCH))]);
}
