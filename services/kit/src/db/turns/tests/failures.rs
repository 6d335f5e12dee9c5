//! What fails, and whom that concerns.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test]
async fn one_that_fails_takes_back_its_own_changes_alone() {
    let (db, _database) = fresh().await;
    // The first, one in the middle, the last.
    for failing in 0..3 {
        cursor::Entity::delete_many().exec(&db.0.writer).await.unwrap();
        let mut all = Vec::new();
        for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
            let work = move |tx: Tx| async move {
                add(&tx, name).await?;
                if number == failing { add(&tx, name).await } else { Ok(()) }
            };
            all.push(Writing::begin(&db, work).await);
        }
        all[0].hands_on_to(&all[1]).await;
        all[1].hands_on_to(&all[2]).await;
        for (number, writing) in all.into_iter().enumerate().rev() {
            assert_eq!(writing.ends().await.is_err(), number == failing);
        }
        let mut expected = vec!["a", "b", "c"];
        expected.remove(failing);
        assert_eq!(seen(&db).await, expected);
    }
}

#[tokio::test]
async fn one_that_panics_or_whose_caller_is_gone_harms_no_other() {
    let (db, _database) = fresh().await;
    let a = Writing::begin(&db, |tx| async move { add(&tx, "a").await }).await;
    let b = Writing::begin(&db, |tx| async move {
        add(&tx, "b").await?;
        panic!("on purpose")
    })
    .await;
    let c = Writing::begin(&db, |tx| async move { add(&tx, "c").await }).await;
    let d = Writing::begin(&db, |tx| async move { add(&tx, "d").await }).await;
    c.task.abort();
    a.go_on.notify_one();
    c.at_work.notified().await;
    c.hands_on_to(&d).await;
    d.ends().await.unwrap();
    a.ends().await.unwrap();
    assert_eq!(b.ends().await.unwrap_err().code, Code::Internal);
    assert_eq!(
        seen(&db).await,
        ["a", "c", "d"],
        "what was begun is done, whether anybody waits for it or not"
    );
}

#[tokio::test]
async fn a_commit_that_fails_is_nobodys() {
    let (db, _database) = fresh().await;
    let tables = "CREATE TABLE parents (id INTEGER PRIMARY KEY); CREATE TABLE children (parent INTEGER NOT NULL \
         REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)";
    db.0.writer.execute_unprepared(tables).await.unwrap();
    let a = Writing::begin(&db, |tx| async move { add(&tx, "a").await }).await;
    let b = Writing::begin(&db, |tx| async move {
        // Found out by the commit alone.
        tx.execute_unprepared("INSERT INTO children VALUES (1)").await?;
        Ok(())
    })
    .await;
    let c = Writing::begin(&db, |_| async { Err(Fault::not_found("user")) }).await;
    a.hands_on_to(&b).await;
    b.hands_on_to(&c).await;
    // The refusal stands: by itself, once it has been found again.
    assert_eq!(c.ends().await.unwrap_err().code, Code::NotFound);
    a.ends().await.unwrap_err();
    b.ends().await.unwrap_err();
    assert!(seen(&db).await.is_empty());
    let after = Writing::begin(&db, |tx| async move { add(&tx, "after").await }).await;
    after.ends().await.unwrap();
    assert_eq!(seen(&db).await, ["after"]);
}

/// As SQLite does when its disk is full.
async fn end_all(tx: &Tx) {
    tx.execute_unprepared("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn what_another_one_ended_is_done_again() {
    let (db, _database) = fresh().await;
    // The one says so, the other does not know.
    for knows in [true, false] {
        cursor::Entity::delete_many().exec(&db.0.writer).await.unwrap();
        let (times, tries) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = times.clone();
        let a = Writing::begin(&db, move |tx| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { add(&tx, "a").await }
        })
        .await;
        let b = Writing::begin(&db, move |tx| {
            let first = tries.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                add(&tx, "b").await?;
                if first {
                    end_all(&tx).await;
                    if knows {
                        return Err(Fault::internal("full"));
                    }
                    add(&tx, "not in a transaction").await?;
                }
                Ok(())
            }
        })
        .await;
        let c = Writing::begin(&db, |tx| async move { add(&tx, "c").await }).await;
        a.hands_on_to(&b).await;
        b.go_on.notify_one();
        let (a, b, c) = tokio::join!(a.ends(), b.ends(), c.ends());
        a.and(b).and(c).unwrap();
        assert_eq!(times.load(Ordering::SeqCst), 2);
        let mut expected = vec!["a", "b", "c"];
        if !knows {
            expected.push("not in a transaction");
        }
        assert_eq!(seen(&db).await, expected);
    }
}
