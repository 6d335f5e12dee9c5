//! Turns at an embedded database's one writer, and shared commits.
//!
//! A commit waits for the disk; everything else about a short transaction takes less than that. So whoever ends a transaction
//! while others wait for their turn hands the open transaction on instead of committing it, and the last one commits for all.
//! Each works in a savepoint of its own, so that one that fails takes back its own changes alone. Where nobody waits, a
//! transaction is committed at once, by as many statements as ever.
//!
//! What makes that exact:
//! - Nobody is answered before the shared commit, whether their own work succeeded or not: what one has read, another may have
//!   written a moment before. Where the commit comes to nothing, all of them did.
//! - Nobody else reads anything of it: readers have connections of their own, and see what is committed.
//! - SQLite ends a whole transaction by itself at some errors (a full disk). `RELEASE` and `ROLLBACK TO` fail then, because
//!   their savepoint is gone with it: nothing is handed on without one of them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::DbErr;
use tokio::sync::oneshot;

use super::{
    transaction::{NotCommitted, Open, Then},
    waiting::busy,
};

/// How many transactions share a commit at the most.
const MOST: usize = 16;
/// For how long after a group has begun another may join it.
const LONGEST: Duration = Duration::from_millis(if cfg!(test) { 60_000 } else { 5 });

pub(super) const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT turn";
const NEXT: &str = "RELEASE turn; SAVEPOINT turn";
/// Leaves the savepoint where it was, for the next.
const UNDO: &str = "ROLLBACK TO turn";

/// Who writes, and who waits for that.
#[derive(Debug, Default)]
pub(super) struct Turns {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    taken: bool,
    waiting: VecDeque<(oneshot::Sender<Turn>, Instant)>,
}

/// What whoever's turn it is begins with.
pub(super) enum Turn {
    /// Nothing: the connection is free.
    Fresh(Token),
    /// A transaction, in a new savepoint.
    Joined(Open),
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Turn")
    }
}

/// The right to write. Whoever drops it gives it to the next.
pub(super) struct Token(Option<Arc<Turns>>);

impl Drop for Token {
    fn drop(&mut self) {
        let Some(turns) = self.0.take() else { return };
        while let Some(next) = turns.next() {
            let Err(Turn::Fresh(mut token)) = next.send(Turn::Fresh(Token(Some(turns.clone())))) else {
                return;
            };
            // It has given up waiting.
            token.0 = None;
        }
    }
}

impl Turns {
    /// Waits for one's turn, for so long.
    pub async fn turn(self: &Arc<Self>, within: Duration) -> Result<Turn, DbErr> {
        let turn = {
            let mut queue = self.queue();
            if !queue.taken {
                queue.taken = true;
                return Ok(Turn::Fresh(Token(Some(self.clone()))));
            }
            // Where the first has waited for most of that time, one more would wait in vain.
            let first = queue.waiting.iter().find(|(give, _)| !give.is_closed());
            if first.is_some_and(|(_, since)| since.elapsed() >= within / 4 * 3) {
                return Err(busy());
            }
            let (give, turn) = oneshot::channel();
            queue.waiting.push_back((give, Instant::now()));
            turn
        };
        // A turn that comes as the wait ends is dropped with its receiver, and goes to the next.
        match tokio::time::timeout(within, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(busy()),
        }
    }

    /// Who waits longest. Without one, it is nobody's turn any more.
    fn next(&self) -> Option<oneshot::Sender<Turn>> {
        let mut queue = self.queue();
        let next = queue.waiting.pop_front().map(|(give, _)| give);
        queue.taken = next.is_some();
        next
    }

    /// The same, where the turn stays taken.
    fn next_to_join(&self) -> Option<oneshot::Sender<Turn>> {
        self.queue().waiting.pop_front().map(|(give, _)| give)
    }

    /// How many wait for theirs.
    pub fn waiting(&self) -> usize {
        self.queue().waiting.len()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What goes from one to the next with the connection.
pub(super) struct Share {
    token: Token,
    begun: Instant,
    /// Who has done their work, and waits for the commit.
    done: Vec<Done>,
}

struct Done {
    then: Option<Then>,
    tell: oneshot::Sender<Result<(), NotCommitted>>,
}

impl Share {
    pub fn new(token: Token) -> Self {
        Self { token, begun: Instant::now(), done: Vec::new() }
    }

    fn turns(&self) -> Option<Arc<Turns>> {
        self.token.0.clone()
    }

    /// Tells all that nothing of it was committed.
    pub fn undone(self) {
        self.refuse(|| NotCommitted::Undone);
    }

    fn refuse(self, why: impl Fn() -> NotCommitted) {
        for done in self.done {
            let _ = done.tell.send(Err(why()));
        }
    }
}

/// One's work is done: with `then`, it is to be committed; without, it is taken back. Answers when that is so.
pub(super) async fn leave(mut open: Open, mut share: Share, then: Option<Then>) -> Result<(), NotCommitted> {
    let keeps = then.is_some();
    if !keeps && share.done.is_empty() {
        // Nobody else's changes are in it. The connection first, and then the turn.
        open.roll_back().await;
        return Ok(());
    }
    let (tell, told) = oneshot::channel();
    share.done.push(Done { then, tell });
    if keeps || open.say(UNDO).await.is_ok() {
        go_on(open, share, keeps).await;
    } else {
        // It is gone already: the error that this one's work ended with was the end of all.
        drop(open);
        share.undone();
    }
    match told.await {
        // What it found out was based on what others did, which came to nothing.
        Ok(Err(NotCommitted::Failed(_))) if !keeps => Err(NotCommitted::Undone),
        Ok(told) => told,
        Err(_) => Err(NotCommitted::Failed(DbErr::Custom("a commit did not end".to_owned()))),
    }
}

/// Hands the transaction on to whoever waits, or commits it.
async fn go_on(mut open: Open, mut share: Share, keeps: bool) {
    let mut is_new = !keeps;
    while share.done.len() < MOST && share.begun.elapsed() < LONGEST {
        let Some(next) = share.turns().and_then(|turns| turns.next_to_join()) else { break };
        if !is_new && open.say(NEXT).await.is_err() {
            drop(open);
            let token = std::mem::replace(&mut share.token, Token(None));
            share.undone();
            let _ = next.send(Turn::Fresh(token));
            return;
        }
        is_new = true;
        open.share = Some(share);
        match next.send(Turn::Joined(open)) {
            Err(Turn::Joined(mut back)) => match back.share.take() {
                Some(returned) => (open, share) = (back, returned),
                None => return,
            },
            _ => return,
        }
    }
    match open.say("COMMIT").await {
        Ok(()) => {
            let (mut told, token) = (Vec::new(), share.token);
            for done in share.done {
                if let Some(then) = done.then {
                    then();
                }
                told.push(done.tell);
            }
            open.put_back();
            drop(token);
            for tell in told {
                let _ = tell.send(Ok(()));
            }
        }
        Err(error) => {
            open.roll_back().await;
            share.refuse(|| NotCommitted::Failed(Open::same(&error)));
        }
    }
}

#[cfg(test)]
mod tests;
