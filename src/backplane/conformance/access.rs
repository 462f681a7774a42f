//! The user that `docs/redis.md` tells operators to make.

use super::*;

on_every_redis! {
    on one cluster for all {
        the_documented_user_may_do_what_a_node_does_and_no_more;
    }
    on a cluster of its own {
    }
}

const DOCUMENTATION: &str = include_str!("../../../docs/redis.md");

async fn the_documented_user_may_do_what_a_node_does_and_no_more(redis: Deployment) {
    let line = DOCUMENTATION.lines().find(|line| line.starts_with("ACL SETUSER hubbub ")).expect("it is documented");
    let prefix = redis.key("");
    let (keys, channels) = (format!("~{prefix}*"), format!("&{prefix}*"));
    let line = line.replace("~hubbub*", &keys).replace("&hubbub*", &channels).replace(">PASSWORD", ">secret");
    assert!(line.contains(&keys) && line.contains(&channels) && line.contains(">secret"), "{line}");
    for server in redis.servers() {
        assert!(server.run(&line).starts_with("+OK"), "{line}");
    }
    let mut config = redis.config();
    config.url = config.url.replace("://", "://hubbub:secret@");

    everything_is_done(&config).await;

    for server in redis.servers() {
        let refused = server.run("ACL LOG");
        assert!(!refused.contains("hubbub"), "{refused}");
        for command in ["FLUSHALL", "CONFIG GET *", "KEYS *", "GET other", "SUBSCRIBE other", "PUBLISH other x"] {
            let answer = server.run(&format!("AUTH hubbub secret\r\n{command}"));
            assert!(answer.starts_with("+OK\r\n-NOPERM"), "{command}: {answer}");
        }
    }
}

/// What nodes do in their lives, from the first to the last.
async fn everything_is_done(config: &config::Redis) {
    let [mut a, mut b, c] = [Node::with(config), Node::with(config), Node::with(config)];
    let [ann, bob, carl] = [UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    c.fences(carl).await;
    b.shows_online(&[ann, bob, carl]).await;
    a.backplane.publish(envelope(&[bob]));
    assert_eq!(b.pulls_envelopes_until(bob).await, [bob]);
    let session = SessionId::new();
    a.backplane.revoke(session);
    b.pulls("the revocation", |signal| matches!(signal, Signal::Revoked(told) if told == session).then_some(())).await;
    assert_eq!(a.backplane.take("ann", quota(1), PATIENCE).await, Ok(()));
    assert!(b.backplane.take("ann", quota(1), PATIENCE).await.is_err());
    assert_eq!((a.metrics.limit_fallbacks.get(), b.metrics.limit_fallbacks.get()), (0, 0));
    c.dies();
    a.suspects(c.backplane.node()).await;
    a.backplane.sweep(c.backplane.node(), now()).await;
    b.pulls_reconcile(&[Reason::PeerDied]).await;
    b.backplane.detach(bob, now());
    a.shows_online(&[ann]).await;
    b.backplane.close().await;
    a.backplane.publish(envelope(&[ann]));
    assert_eq!(a.pulls_envelopes_until(ann).await, [bob, ann]);
    a.backplane.close().await;
}
