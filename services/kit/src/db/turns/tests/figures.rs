//! How quick it is.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use sea_orm::ActiveValue::Set;

use super::*;

/// `cargo test --workspace --lib -- --ignored --nocapture figures_of_writers`: how many short transactions a second, by the
/// driver's own and by these.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it shows figures and fails at none"]
async fn figures_of_writers_at_once() {
    const FOR: Duration = Duration::from_secs(2);
    for callers in [1, 2, 8, 32] {
        for drivers_own in [true, false] {
            let (db, _database) = fresh().await;
            let (begun, count) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
            let all = (0..callers).map(|_| {
                let (pool, count) = (db.0.writer.clone(), count.clone());
                tokio::spawn(async move {
                    while begun.elapsed() < FOR {
                        let number = count.fetch_add(1, Ordering::Relaxed);
                        let row = cursor::ActiveModel { source: Set(number.to_string()), position: Set(1) };
                        if drivers_own {
                            let tx = pool.begin_migration().await.unwrap();
                            cursor::Entity::insert(row).exec_without_returning(&tx).await.unwrap();
                            tx.commit().await.unwrap();
                        } else {
                            let tx = pool.begin_write().await.unwrap();
                            cursor::Entity::insert(row).exec_without_returning(&tx).await.unwrap();
                            tx.commit().await.unwrap();
                        }
                    }
                })
            });
            for done in futures::future::join_all(all).await {
                done.unwrap();
            }
            let a_second = count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
            let way = if drivers_own { "the driver's" } else { "these" };
            eprintln!("{callers} callers, {way}: {a_second:.0} a second");
        }
    }
}
