//! Background tasks: how they fare, and how far they are behind.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_or_panics_runs_again_and_says_how_it_fares() {
    let (tasks, turn) = (Tasks::default(), Arc::new(AtomicUsize::new(0)));
    let turns = turn.clone();
    tasks.every("order.sweep", Duration::from_secs(1), move || {
        let turn = turns.fetch_add(1, Ordering::Relaxed);
        async move {
            match turn {
                0 => Ok(()),
                1 => Err("x".repeat(500)),
                2 => panic!("a fault"),
                _ => Ok(()),
            }
        }
    });
    tasks.keep("article.feed", async { panic!("another fault") });
    let after = |turns: usize| {
        let turn = turn.clone();
        async move {
            while turn.load(Ordering::Relaxed) < turns {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    for (turns, runs, failures, error) in [(1, 1, 0, 0), (2, 2, 1, ERROR), (3, 3, 2, 11), (4, 4, 2, 0)] {
        after(turns).await;
        let [sweep] = tasks.of(Role::Order).try_into().unwrap();
        assert_eq!((sweep.name.as_str(), sweep.runs, sweep.failures), ("order.sweep", runs, failures));
        assert_eq!(sweep.error.len(), error, "{sweep:?}");
        assert!(sweep.last_run_time.is_some());
    }
    let [feed] = tasks.of(Role::Article).try_into().unwrap();
    assert!(feed.error.contains("panicked"), "{feed:?}");
    tasks.drain();
    tasks.drained().await;
    assert_eq!(turn.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_task_says_how_far_it_is_behind() {
    let tasks = Tasks::default();
    let lag = |name: &str| {
        let all = tasks.of(Role::Order);
        let task = all.into_iter().find(|task| task.name == name).unwrap();
        (Duration::from_micros(task.lag_us as u64), task.error)
    };
    // It waits for events, handles none of them, and then one.
    let (next, mut turn) = tokio::sync::mpsc::channel::<&'static str>(1);
    let (said, mut done) = tokio::sync::mpsc::channel::<()>(1);
    let follower = tasks.clone();
    tasks.keep("order.feed.payment", async move {
        while let Some(what) = turn.recv().await {
            match what {
                "event" => follower.received(Some(Clock::system().now() - Duration::from_secs(7))),
                "broken" => follower.interrupted(&"nobody is there"),
                _ => follower.handled(),
            }
            let _ = said.send(()).await;
        }
    });
    let mut step = async |what| {
        next.send(what).await.unwrap();
        done.recv().await.unwrap();
        lag("order.feed.payment")
    };
    let (behind, error) = step("event").await;
    assert!(behind >= Duration::from_secs(7) && error.is_empty());
    let (behind, error) = step("broken").await;
    assert!(behind >= Duration::from_secs(7) && error == "nobody is there");
    assert_eq!(step("handled").await, (Duration::ZERO, String::new()));
    assert!(tasks.of(Role::Order)[0].last_run_us >= 7_000_000);
    // What is to run every 50 ms, and does not.
    tasks.every("order.slow", Duration::from_millis(50), || async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok::<(), String>(())
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(lag("order.slow").0 >= Duration::from_millis(100));
    tasks.lasts("order.slow", Duration::from_secs(60));
    assert_eq!(lag("order.slow").0, Duration::ZERO, "it waits for something to do");
}
