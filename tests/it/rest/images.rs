//! Images: what is taken, what is refused, how they are served.

use serde_json::json;

use crate::support::{TestHub, on_both_databases, user::get};

/// One red pixel.
pub(super) const PNG: &str =
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

on_both_databases! {
    async fn an_image_is_sent_served_and_kept(hub: &TestHub) {
        let [ann, bob] = hub.users(["ann", "bob"]).await;
        let sent = ann.tries_to_send(&bob.id, json!({ "text": "", "image": PNG })).await.is(201);
        assert!(sent.get("text").is_none(), "{sent}");
        let url = hub.node(0).url(sent["image"].as_str().unwrap());
        let served = get(&url).await;
        let header = |name: &str| served.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(served.status(), 200);
        assert_eq!(header("content-type"), "image/png");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("cache-control").contains("immutable"));
        assert_eq!(bob.history_with(&ann).await, [sent]);
    }

    async fn what_is_no_image_is_refused_and_nothing_is_stored(hub: &TestHub) {
        let [ann, bob] = hub.users(["ann", "bob"]).await;
        let svg = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=";
        let svg_as_png = svg.replace("svg+xml", "png");
        let cut_off = &PNG[..PNG.len() - 40];
        let gif_as_png = "data:image/png;base64,R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=";
        for image in ["/etc/passwd", "https://example.org/cat.png", svg, &svg_as_png, cut_off, gif_as_png, "data:image/png;base64,!!!", "data:,hi"] {
            let refused = ann.tries_to_send(&bob.id, json!({ "text": "look", "image": image })).await;
            assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!("image.invalid")), "{image}");
        }
        assert!(bob.history_with(&ann).await.is_empty());
    }
}

#[tokio::test]
async fn only_names_that_hubbub_gave_are_served() {
    let hub = TestHub::alone().await;
    std::fs::write(hub.folder().join("media").join("secret.txt"), "secret").unwrap();
    for name in ["secret.txt", "..%2Fhubbub.db", "../hubbub.db", "0192f0c12b3c7def8123456789abcdef.png", "x.svg"] {
        let answer = get(&hub.node(0).url(&format!("/media/{name}"))).await;
        assert_ne!(answer.text().await.unwrap(), "secret", "{name}");
    }
    let unknown = get(&hub.node(0).url("/media/0192f0c12b3c7def8123456789abcdef.png")).await;
    assert_eq!(unknown.status(), 404);
    hub.stops().await;
}
