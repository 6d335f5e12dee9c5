//! Pages of a list: a size and a token that knows which list and which arguments it belongs to.
//!
//! A token holds the sort key of the last row seen (keyset pagination: page 1,000 costs what page 1
//! costs) under a keyed tag of that, of the list's name and arguments, and of the caller; the key is the same in all
//! replicas of a service. So nobody makes a token, or uses another's, to look for a key that is in no row of theirs. It
//! grants nothing all the same: who may see a row is decided anew on every page.

pub mod newest;
pub mod planner;

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::list::Listing;
use prost::Message;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Call, Caller, Db, Fault};

const DEFAULT: i32 = 50;
const MOST: i32 = 1_000;
/// Bytes that the items of a page may have: 3.5 MiB, with room for the token.
const ROOM: usize = (7 << 19) - (16 << 10);
/// What each takes beside its own: a tag, and its length.
const FRAME: usize = 6;
/// Bytes of a tag: 128 bits.
const TAG: usize = 16;

/// One page asked for; `C` is the sort key of a row.
#[derive(Debug)]
pub struct Page<C> {
    /// How many rows at most.
    pub size: u64,
    /// The sort key of the last row of the page before.
    pub after: Option<C>,
    /// What its token must be made for.
    seal: Seal,
}

/// The keys of a service's page tokens: the first makes them, all count.
pub(crate) struct Keys(Vec<hmac::Key>);

impl Keys {
    pub fn new(keys: &[[u8; 32]]) -> Self {
        Self(keys.iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)).collect())
    }
}

/// What a token is for, keyed; a token's tag is that and its content.
#[derive(Debug)]
struct Seal(Vec<hmac::Context>);

impl Seal {
    fn new(keys: &Keys, parts: &[&[u8]]) -> Self {
        let sealed = |key| {
            let mut context = hmac::Context::with_key(key);
            for part in parts {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
            context
        };
        Self(keys.0.iter().map(sealed).collect())
    }

    /// The tags of a content, the one to give first.
    fn tags(&self, content: &[u8]) -> impl Iterator<Item = [u8; TAG]> {
        self.0.iter().map(|context| {
            let mut context = context.clone();
            context.update(content);
            let tag = context.sign();
            std::array::from_fn(|place| tag.as_ref()[place])
        })
    }
}

impl Db {
    /// The page that a request asks for. The token of the next one is for the same caller: a user, whatever session or
    /// key they call by, or a service.
    pub fn page<C: Serialize + DeserializeOwned>(
        &self,
        call: &Call,
        request: &impl Listing,
    ) -> Result<Page<C>, Fault> {
        let caller = match call.caller() {
            Caller::Anonymous => String::new(),
            Caller::User { id, .. } | Caller::ApiKey { id, .. } => id.to_string(),
            Caller::Service { role, on_behalf_of } => format!("{role} {on_behalf_of:?}"),
        };
        Page::of(&self.0.pages, &caller, request)
    }

    /// The same of a list that is the same for everybody: who signs in meanwhile goes on reading.
    pub fn public_page<C: Serialize + DeserializeOwned>(
        &self,
        request: &impl Listing,
    ) -> Result<Page<C>, Fault> {
        Page::of(&self.0.pages, "", request)
    }
}

impl<C: Serialize + DeserializeOwned> Page<C> {
    fn of<R: Listing>(keys: &Keys, caller: &str, request: &R) -> Result<Self, Fault> {
        let mut rest = request.clone();
        let (size, token) = rest.take_paging();
        let size = match size {
            0 => DEFAULT,
            1.. => size.min(MOST),
            _ => return Err(Fault::invalid("page_size", "must not be negative")),
        };
        let list = std::any::type_name::<R>().as_bytes();
        let seal = Seal::new(keys, &[list, &rest.encode_to_vec(), caller.as_bytes()]);
        let after = if token.is_empty() { None } else { Some(open(&token, &seal)?) };
        Ok(Self { size: size as u64, after, seal })
    }

    /// How many rows to fetch: one more than the page holds shows whether there is another page.
    pub fn limit(&self) -> u64 {
        self.size + 1
    }

    /// Makes the page of fetched rows, and the next page's token, empty on the last one. It has fewer items than
    /// were asked for where more would be too large for an answer (AIP-158): clients take 4 MiB.
    pub fn make<T, M: Message, E>(
        &self,
        rows: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> C,
        mut render: impl FnMut(T) -> Result<M, E>,
    ) -> Result<(Vec<M>, String), E> {
        let (mut items, mut last, mut left) = (Vec::new(), None, ROOM);
        for row in rows {
            let here = key(&row);
            let item = (items.len() < self.size as usize).then(|| render(row)).transpose()?;
            let fitting = item.filter(|item| items.is_empty() || item.encoded_len() + FRAME <= left);
            let Some(item) = fitting else {
                return Ok((items, last.map(|last| self.token(&last)).unwrap_or_default()));
            };
            left = left.saturating_sub(item.encoded_len() + FRAME);
            items.push(item);
            last = Some(here);
        }
        Ok((items, String::new()))
    }

    /// The token of the page that follows a row: for a list that stops before its page is full.
    pub fn token(&self, key: &C) -> String {
        let content = serde_json::to_vec(key).unwrap_or_default();
        let tag = self.seal.tags(&content).next().unwrap_or_default();
        URL_SAFE_NO_PAD.encode([&tag, content.as_slice()].concat())
    }
}

fn open<C: DeserializeOwned>(token: &str, seal: &Seal) -> Result<C, Fault> {
    let bad =
        || Fault::invalid("page_token", "is no page token of this list, these arguments and this caller");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
    let (tag, content) = bytes.split_first_chunk::<TAG>().ok_or_else(bad)?;
    if !seal.tags(content).any(|right| verify_slices_are_equal(tag, &right).is_ok()) {
        return Err(bad());
    }
    // Another version may have sorted by something else.
    serde_json::from_slice(content).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use contracts::{
        order::ListOrdersRequest,
        user::{ListUsersRequest, ListUsersResponse, User},
    };

    use super::*;

    fn keys() -> Keys {
        Keys::new(&[[7; 32]])
    }

    fn page<R: Listing>(request: &R) -> Result<Page<u32>, Fault> {
        Page::of(&keys(), "usr_1", request)
    }

    fn token(request: &ListUsersRequest) -> String {
        page(request).unwrap().make(0..=50, |row| *row, Ok::<u32, Fault>).unwrap().1
    }

    #[test]
    fn a_token_continues_after_the_last_row() {
        let mut request = ListUsersRequest::default();
        request.page_token = token(&request);
        assert_eq!(page(&request).unwrap().after, Some(49));
        request.page_size = 7;
        assert_eq!(page(&request).unwrap().size, 7);
    }

    #[test]
    fn tokens_of_others_and_none_at_all_are_refused() {
        let page_token = token(&ListUsersRequest::default());
        let with =
            |page_token: &str| ListUsersRequest { page_token: page_token.into(), ..Default::default() };
        let (right, orders) = (with(&page_token), page_token.clone());
        let queried = ListUsersRequest { query: "x".to_owned(), ..right.clone() };
        assert!(page(&right).is_ok() && page(&queried).is_err(), "other arguments");
        assert!(
            page(&ListOrdersRequest { page_token: orders, ..Default::default() }).is_err(),
            "another list"
        );
        assert!(Page::<u32>::of(&keys(), "usr_2", &right).is_err(), "another caller");
        assert!(Page::<u32>::of(&Keys::new(&[[8; 32]]), "usr_1", &right).is_err(), "another key");
        let both = Keys::new(&[[8; 32], [7; 32]]);
        assert_eq!(Page::<u32>::of(&both, "usr_1", &right).unwrap().after, Some(49), "the key before");
        let mut bytes = URL_SAFE_NO_PAD.decode(&page_token).unwrap();
        bytes.truncate(TAG);
        let forged = URL_SAFE_NO_PAD.encode([bytes.as_slice(), b"7"].concat());
        for bad in ["x", "eA", "????", &page_token[1..], &format!("{page_token}AAAA"), &forged] {
            assert_eq!(page(&with(bad)).unwrap_err().fields[0].0, "page_token", "{bad}");
        }
    }

    #[test]
    fn a_page_that_would_be_too_large_has_fewer_items_and_goes_on_after_the_last() {
        let mut request = ListUsersRequest { page_size: 1_000, ..Default::default() };
        let rows = (0..700_u32).collect::<Vec<_>>();
        let mut seen = Vec::new();
        loop {
            let asked = page(&request).unwrap();
            let left = rows.iter().copied().filter(|row| asked.after.is_none_or(|after| *row > after));
            let render = |row: u32| {
                Ok::<_, Fault>(User {
                    id: row.to_string(),
                    username: "x".repeat(20_000),
                    ..Default::default()
                })
            };
            let (users, token) = asked.make(left, |row| *row, render).unwrap();
            seen.extend(users.iter().map(|user| user.id.parse::<u32>().unwrap()));
            let answer = ListUsersResponse { users, next_page_token: token };
            assert!(answer.encoded_len() <= 7 << 19 && !answer.users.is_empty());
            if answer.next_page_token.is_empty() {
                break;
            }
            assert!(answer.users.len() > 150, "as many as fit");
            request.page_token = answer.next_page_token;
        }
        assert_eq!(seen, rows);
        // One item that is too large by itself is a page of its own.
        let asked = page(&ListUsersRequest::default()).unwrap();
        let huge = |_| Ok::<_, Fault>(User { username: "x".repeat(8 << 20), ..Default::default() });
        assert_eq!(asked.make([1, 2], |row| *row, huge).unwrap().0.len(), 1);
    }

    #[test]
    fn sizes_default_to_50_and_end_at_1000() {
        let size =
            |page_size| page(&ListUsersRequest { page_size, ..Default::default() }).map(|page| page.size);
        assert_eq!(size(0).unwrap(), 50);
        assert_eq!(size(3).unwrap(), 3);
        assert_eq!(size(5_000).unwrap(), 1_000);
        assert!(size(-1).is_err());
    }

    #[test]
    fn the_last_page_has_no_token() {
        let asked = page(&ListUsersRequest { page_size: 3, ..Default::default() }).unwrap();
        let make = |rows: &[u32]| asked.make(rows.to_vec(), |row| *row, Ok::<u32, Fault>).unwrap();
        assert_eq!(make(&[1, 2, 3]), (vec![1, 2, 3], String::new()));
        let (items, token) = make(&[1, 2, 3, 4]);
        assert_eq!((items, token.is_empty()), (vec![1, 2, 3], false));
        assert_eq!(make(&[]), (vec![], String::new()));
    }
}
