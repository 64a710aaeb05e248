//! Many requests at one time.

use std::{future::poll_fn, pin::pin, task::Poll};

use tokio::{sync::watch, task::JoinSet};

use super::*;

/// Polls once.
async fn starts<F: Future>(future: std::pin::Pin<&mut F>) {
    let mut future = future;
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn a_hundred_requests_with_an_unknown_key_wait_for_one_fetch() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    scene.get(&scene.ada().await).await.expect(200);
    scene.changes_key(&[]);
    let after = scene.ada().await;
    scene.advance(Duration::from_secs(10));
    let (open, held) = watch::channel(false);
    scene.issuer.replies(Reply::Held(held, Box::new(Reply::Real(scene.world.service()))));

    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(scene.get(&after))).collect();
    for request in &mut waiting {
        starts(request.as_mut()).await;
    }
    open.send(true).unwrap();
    for request in waiting {
        request.await.expect(200);
    }
    assert_eq!(scene.issuer.fetches(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_comes_while_keys_change_is_let_in_by_one_fetch() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let mut key = scene.changes_key(&[]);
    let mut before = scene.ada().await;
    scene.get(&before).await.expect(200);
    for round in 1..=20 {
        key = scene.changes_key(&[&key]);
        let after = scene.ada().await;
        scene.advance(Duration::from_secs(10));
        let mut racers = JoinSet::new();
        for number in 0..100 {
            let (keys, before, after) = (scene.keys.clone(), before.clone(), after.clone());
            racers.spawn(async move {
                match number % 3 {
                    0 => get(&keys, &before).await.expect(200),
                    1 => get(&keys, &after).await.expect(200),
                    _ => get(&keys, &made_up(&number.to_string())).await.expect(401),
                }
            });
        }
        racers.join_all().await;
        assert_eq!(scene.issuer.fetches(), 1 + round);
        before = after;
    }
}

#[tokio::test]
async fn a_client_that_leaves_does_not_take_the_fetch_along() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let ada = scene.ada().await;
    let (open, held) = watch::channel(false);
    scene.issuer.replies(Reply::Held(held, Box::new(Reply::Real(scene.world.service()))));
    let mut second = pin!(scene.get(&ada));
    {
        let mut first = pin!(scene.get(&ada));
        starts(first.as_mut()).await;
        starts(second.as_mut()).await;
    }
    open.send(true).unwrap();
    second.await.expect(200);
    assert_eq!(scene.issuer.fetches(), 1);
}
