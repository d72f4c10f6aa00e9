//! Offset pages with all headers, the 10,000 rule, and both flavours of keyset pages.

use http::Method;
use serde_json::Value;

use crate::client::{Reply, Scene};

async fn scene_with_projects(count: u32) -> Scene {
    let scene = Scene::new();
    let group = scene.group("team").await;
    for number in 1..=count {
        scene.project(group, &format!("web-{number}")).await;
    }
    scene
}

fn next_path(reply: &Reply) -> Option<String> {
    let link = reply.header("Link")?;
    let next = link.split(", ").find(|link| link.ends_with("rel=\"next\""))?;
    let url = next.trim_start_matches('<').split('>').next()?;
    Some(url.split_once("/api/v4")?.1.to_owned())
}

#[tokio::test]
async fn offset_pages_carry_all_headers_and_an_empty_next_page_at_the_end() {
    let scene = scene_with_projects(5).await;
    let first = scene.get("/projects?per_page=2&order_by=id&sort=asc").await.expect(200);
    assert_eq!(first.ids(), [1, 2]);
    let header = |reply: &Reply, name: &str| reply.header(name).unwrap_or("absent").to_owned();
    assert_eq!(header(&first, "X-Next-Page"), "2");
    assert_eq!(header(&first, "X-Prev-Page"), "");
    assert_eq!(header(&first, "X-Total"), "5");
    assert_eq!(header(&first, "X-Total-Pages"), "3");
    assert_eq!(header(&first, "X-Per-Page"), "2");
    let last = scene.get("/projects?per_page=2&order_by=id&sort=asc&page=3").await.expect(200);
    assert_eq!((last.ids(), header(&last, "X-Next-Page")), (vec![5], String::new()));
    let relations: Vec<String> =
        header(&last, "Link").split(", ").map(|link| link.split("; ").nth(1).unwrap().to_owned()).collect();
    assert_eq!(relations, ["rel=\"prev\"", "rel=\"first\"", "rel=\"last\""]);
    assert!(header(&last, "Link").contains("order_by=id"), "each link carries every parameter");
    let beyond = scene.get("/projects?page=9").await.expect(200);
    assert_eq!((beyond.text.as_str(), header(&beyond, "X-Next-Page")), ("[]", String::new()));
    let cut = scene.get("/projects?per_page=500").await.expect(200);
    assert_eq!(header(&cut, "X-Per-Page"), "100");
}

#[tokio::test]
async fn an_empty_list_has_one_page() {
    let reply = Scene::new().get("/projects").await.expect(200);
    assert_eq!((reply.header("X-Total"), reply.header("X-Total-Pages")), (Some("0"), Some("1")));
}

#[tokio::test]
async fn totals_vanish_above_ten_thousand_rows() {
    let scene = Scene::new();
    {
        let mut state = scene.simulator.state();
        let template = state.users.get(1).unwrap().clone();
        for id in 2..=10_001 {
            state.users.insert(gitlab_simulator::state::users::User {
                id,
                username: format!("user-{id}"),
                ..template.clone()
            });
        }
    }
    let reply = scene.get("/users?per_page=100").await.expect(200);
    assert_eq!((reply.header("X-Total"), reply.header("X-Total-Pages")), (None, None));
    assert_eq!(reply.header("X-Next-Page"), Some("2"));
    assert!(!reply.header("Link").unwrap().contains("rel=\"last\""));
    scene.simulator.state().users.remove(10_001);
    let reply = scene.get("/users").await.expect(200);
    assert_eq!(reply.header("X-Total"), Some("10000"));
}

#[tokio::test]
async fn offsets_beyond_fifty_thousand_are_refused() {
    let reply = Scene::new().get("/users?page=501&per_page=100").await.expect(405);
    assert!(reply.json()["error"].as_str().unwrap().contains("maximum allowed offset of 50000"));
}

#[tokio::test]
async fn keyset_pages_of_projects_link_on_until_an_empty_page() {
    let scene = scene_with_projects(4).await;
    let mut path = "/projects?pagination=keyset&order_by=id&sort=asc&per_page=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let reply = scene.get(&path).await.expect(200);
        assert!(reply.header("X-Total").is_none() && reply.header("X-Page").is_none());
        pages.push(reply.ids());
        match next_path(&reply) {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(pages, [vec![1, 2], vec![3, 4], vec![]], "the last page that is not empty has a link, too");
    let refused = scene.get("/projects?pagination=keyset").await.expect(405);
    assert_eq!(refused.json()["error"], "Keyset pagination is not yet available for this type of request");
}

#[tokio::test]
async fn keyset_pages_of_users_have_opaque_cursors_both_ways() {
    let scene = Scene::new();
    for number in 1..=4 {
        scene.user(&format!("user-{number}")).await;
    }
    let first = scene.get("/users?pagination=keyset&order_by=id&sort=asc&per_page=2").await.expect(200);
    assert_eq!((first.ids(), first.header("X-PREV-CURSOR")), (vec![1, 2], None));
    let second = scene.get(&next_path(&first).unwrap()).await.expect(200);
    assert_eq!(second.ids(), [3, 4]);
    let back = second.header("X-PREV-CURSOR").unwrap();
    let path = format!("/users?pagination=keyset&order_by=id&sort=asc&per_page=2&cursor={back}");
    assert_eq!(scene.get(&path).await.ids(), [1, 2]);
    let last = scene.get(&next_path(&second).unwrap()).await.expect(200);
    assert_eq!((last.ids(), next_path(&last), last.header("X-NEXT-CURSOR")), (vec![5], None, None));
}

#[tokio::test]
async fn an_authenticated_groups_list_ignores_the_wish_for_keyset_pages() {
    let scene = Scene::new();
    for number in 1..=3 {
        let body =
            serde_json::json!({"name": format!("g{number}"), "path": format!("g{number}"), "visibility": "public"});
        scene.post("/groups", body).await.expect(201);
    }
    let path = "/groups?pagination=keyset&order_by=name&sort=asc&per_page=2";
    assert_eq!(scene.get(path).await.expect(200).header("X-Total"), Some("3"));
    let anonymous = scene.call("", Method::GET, path, Value::Null).await.expect(200);
    assert_eq!(anonymous.header("X-Total"), None);
    let rest = scene.call("", Method::GET, &next_path(&anonymous).unwrap(), Value::Null).await.expect(200);
    assert_eq!(rest.ids().len(), 1);
}
