//! Many calls at the same moment.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

/// Starts `count` tasks, lets them go at once when all are there, and answers what came of each, in the order
/// in which they were made.
pub async fn at_once<T, F>(count: usize, make: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (task, barrier) = (make(number), barrier.clone());
        tasks.spawn(async move {
            barrier.wait().await;
            (number, task.await)
        });
    }
    let mut outcomes = tasks.join_all().await;
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}
