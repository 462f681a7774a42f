//! What a browser finds beside the API.

use crate::support::{TestHub, user::get};

#[tokio::test]
async fn any_other_page_is_the_web_client_and_health_paths_are_not() {
    let hub = TestHub::alone().await;
    for path in ["/", "/chats/42", "/login"] {
        let page = get(&hub.node(0).url(path)).await;
        assert_eq!(page.status(), 200);
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"), "{path}");
    }
    for path in ["/live", "/ready", "/livez", "/readyz", "/healthz", "/metrics"] {
        assert_eq!(get(&hub.node(0).url(path)).await.status(), 404, "{path}");
    }
    hub.stops().await;
}

#[tokio::test]
async fn the_interface_describes_itself() {
    let hub = TestHub::alone().await;
    let description = get(&hub.node(0).url("/api/openapi.json")).await;
    let description: serde_json::Value = serde_json::from_str(&description.text().await.unwrap()).unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let page = get(&hub.node(0).url("/api/docs")).await;
    assert_eq!(page.status(), 200);
    hub.stops().await;
}
