//! How many calls from outside are under way. Whoever would be one too many is refused at once: nobody known first, then
//! users, and checkouts last.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use contracts::access::Priority;
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body};

use super::{LOG_EVERY, buckets::Seldom};
use crate::{Caller, Fault, access::Method, telemetry::metrics::figures};

/// Whose calls are refused when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Stranger,
    User,
    Last,
}

impl Class {
    fn of(method: &Method, caller: &Caller) -> Self {
        match method.priority {
            Priority::Last => Self::Last,
            Priority::User => Self::User,
            Priority::Unspecified if caller.user().is_some() => Self::User,
            Priority::Unspecified => Self::Stranger,
        }
    }

    /// The part of all places that may be taken before it is refused, in hundredths.
    fn part(self) -> usize {
        match self {
            Self::Stranger => 60,
            Self::User => 85,
            Self::Last => 100,
        }
    }
}

/// The calls of a process that are under way.
#[derive(Debug, Default)]
pub struct Load {
    most: Option<usize>,
    now: AtomicUsize,
    logged: Seldom,
}

impl Load {
    /// So many at most.
    pub fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most: Some(most as usize), ..Self::default() })
    }

    /// A call that may begin.
    pub(super) fn ticket(self: &Arc<Self>, method: &Method, caller: &Caller) -> Ticket {
        Ticket { load: self.clone(), class: Class::of(method, caller) }
    }
}

/// A call that is let in and has not begun: its request is not there as a whole. Until then it costs memory, which is
/// counted elsewhere, and takes no place from those that are at work.
#[derive(Debug)]
pub struct Ticket {
    load: Arc<Load>,
    class: Class,
}

impl Ticket {
    /// Begins; OVERLOADED where there are too many of its kind.
    pub fn begin(self) -> Result<Place, Fault> {
        let Self { load, class } = self;
        let most = load.most.map_or(usize::MAX, |most| (most.saturating_mul(class.part()) / 100).max(1));
        let before = load.now.fetch_add(1, Ordering::Relaxed);
        let place = Place(load);
        if before < most {
            return Ok(place);
        }
        figures::limited("load");
        if place.0.logged.now(LOG_EVERY) {
            tracing::warn!(under_way = before, refused = ?class, "load.shed");
        }
        let mut fault = Fault::overloaded("more calls are under way than can be served: try again soon");
        // Not all at the same moment.
        fault.retry_after = Some(Duration::from_millis(rand::random_range(1_000..2_000)));
        Err(fault)
    }
}

/// A call that is under way, for as long as this lives.
#[derive(Debug)]
pub struct Place(Arc<Load>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request's body that begins its call when it is there as a whole.
pub(crate) struct Begins {
    body: Body,
    ticket: Option<Ticket>,
    place: Taken,
}

/// Where the place of a call is kept, once it has begun.
pub(crate) type Taken = Arc<Mutex<Option<Place>>>;

impl Begins {
    /// Around a body.
    pub fn around(body: Body, ticket: Ticket) -> (Self, Taken) {
        let place = Taken::default();
        (Self { body, ticket: Some(ticket), place: place.clone() }, place)
    }
}

impl http_body::Body for Begins {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let ended = frame.as_ref().is_none_or(|frame| frame.as_ref().is_ok_and(Frame::is_trailers));
        if let Some(ticket) = self.ticket.take_if(|_| ended) {
            match ticket.begin() {
                Ok(place) => *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place),
                Err(fault) => return Poll::Ready(Some(Err(fault.into()))),
            }
        }
        Poll::Ready(frame)
    }

    /// Never known before the end, which begins the call.
    fn is_end_stream(&self) -> bool {
        self.ticket.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::{BodyExt, Full};

    use super::*;
    use crate::Reason;

    fn begin(load: &Arc<Load>, class: Class) -> Option<Place> {
        let begun = Ticket { load: load.clone(), class }.begin();
        begun.inspect_err(|fault| assert_eq!(fault.reason, Reason::Overloaded)).ok()
    }

    #[test]
    fn strangers_are_refused_first_then_users_and_checkouts_last() {
        let load = Load::new(10);
        let mut places: Vec<Place> = (0..6).filter_map(|_| begin(&load, Class::Stranger)).collect();
        assert_eq!(places.len(), 6);
        assert!(begin(&load, Class::Stranger).is_none());
        places.extend((0..9).filter_map(|_| begin(&load, Class::User)));
        assert_eq!(places.len(), 8);
        places.extend((0..9).filter_map(|_| begin(&load, Class::Last)));
        assert_eq!(places.len(), 10);
        drop(places);
        assert_eq!(load.now.load(Ordering::Relaxed), 0);
        assert!(begin(&load, Class::Stranger).is_some());
    }

    #[tokio::test]
    async fn a_call_begins_with_the_end_of_its_request() {
        let load = Load::new(1);
        let body = || Body::new(Full::new(Bytes::from_static(b"x")));
        let ticket = || Ticket { load: load.clone(), class: Class::Last };
        let (mut first, place) = Begins::around(body(), ticket());
        first.frame().await.unwrap().unwrap();
        assert!(place.lock().unwrap().is_none() && !first.is_end_stream());
        assert!(first.frame().await.is_none());
        assert!(place.lock().unwrap().is_some());
        let (second, _) = Begins::around(body(), ticket());
        let refused = second.collect().await.err().unwrap();
        assert_eq!(Fault::of(&refused).reason, Reason::Overloaded);
        drop((first, place));
        let (third, _) = Begins::around(body(), ticket());
        assert!(third.collect().await.is_ok());
    }
}
