//! Changing one's profile.

use serde_json::json;

use super::images::PNG;
use crate::support::{TestHub, on_both_databases, user::get};

on_both_databases! {
    async fn a_new_picture_and_name_are_answered_and_shown_to_others(hub: &TestHub) {
        let [ann, bob] = hub.users(["ann", "bob"]).await;
        let updated = ann.puts("/api/auth/update-profile", json!({ "profilePic": PNG })).await.is(200);
        assert!(updated.get("password").is_none() && updated.get("passwordHash").is_none(), "{updated}");
        assert_eq!(updated["email"], ann.email.as_str());
        let picture = updated["profilePic"].as_str().unwrap();
        let served = get(&hub.node(0).url(picture)).await;
        assert_eq!(served.headers()["content-type"], "image/png");

        let renamed = ann.puts("/api/auth/update-profile", json!({ "fullName": "Ann Lee" })).await.is(200);
        assert_eq!((&renamed["fullName"], &renamed["profilePic"]), (&json!("Ann Lee"), &json!(picture)));
        let contacts = bob.gets("/api/messages/contacts").await.is(200);
        assert_eq!((&contacts[0]["fullName"], &contacts[0]["profilePic"]), (&json!("Ann Lee"), &json!(picture)));
    }

    async fn an_update_of_nothing_or_of_nonsense_is_refused(hub: &TestHub) {
        let [ann] = hub.users(["ann"]).await;
        for body in [json!({}), json!({ "profilePic": "" }), json!({ "profilePic": null })] {
            let refused = ann.puts("/api/auth/update-profile", body).await;
            refused.is_error(400, "Profile pic is required", "user.profile_pic_required");
        }
        let blank = ann.puts("/api/auth/update-profile", json!({ "fullName": "  " })).await;
        assert_eq!((blank.status.as_u16(), &blank.body["code"]), (400, &json!("user.name_invalid")));
        let path = ann.puts("/api/auth/update-profile", json!({ "profilePic": "/etc/passwd" })).await;
        assert_eq!((path.status.as_u16(), &path.body["code"]), (400, &json!("image.invalid")));
    }
}
