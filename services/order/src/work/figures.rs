//! `order.figures`: counts what waits, for metrics; where nobody reads these, it is not started.

use std::time::Duration;

use kit::{Db, telemetry::metrics};

use crate::{
    checkout,
    error::Error,
    orders::Orders,
    store::figures::{self, count_orders, waiting_mails},
};

/// How often: by indexes, and still a look at every row that waits.
const EVERY: Duration = Duration::from_secs(15);

/// Starts it.
pub fn start(orders: &Orders) {
    if !metrics::on() {
        return;
    }
    figures::begin();
    checkout::figures::begin();
    metrics::figures::begin_mails("order");
    // At the start, too; what fails is told when it is tried again.
    let first = orders.db.clone();
    orders.tasks.spawn(async move {
        let _ = count(&first).await;
    });
    let db = orders.db.clone();
    orders.tasks.every("order.figures", EVERY, move || {
        let db = db.clone();
        async move { count(&db).await }
    });
}

async fn count(db: &Db) -> Result<(), Error> {
    count_orders(db.read()).await?;
    metrics::figures::mails_waiting("order", waiting_mails(db.read()).await?);
    Ok(())
}
