//! Pages of a list: a size and a token that knows which list and which arguments it belongs to.
//!
//! A token holds the sort key of the last row seen (keyset pagination: page 1,000 costs what page 1
//! costs) and a digest of the list's name and arguments. It grants nothing: who may see a row is decided
//! anew on every page.

pub mod newest;
pub mod planner;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::list::Listing;
use prost::Message;
use serde::{Serialize, de::DeserializeOwned};

use crate::Fault;

const DEFAULT: i32 = 50;
const MOST: i32 = 1_000;
/// Bytes that the items of a page may have: 3.5 MiB, with room for the token.
const ROOM: usize = (7 << 19) - (16 << 10);
/// What each takes beside its own: a tag, and its length.
const FRAME: usize = 6;

/// One page asked for; `C` is the sort key of a row.
#[derive(Debug)]
pub struct Page<C> {
    /// How many rows at most.
    pub size: u64,
    /// The sort key of the last row of the page before.
    pub after: Option<C>,
    arguments: [u8; 8],
}

impl<C: Serialize + DeserializeOwned> Page<C> {
    /// Reads the page that a request asks for.
    pub fn of<R: Listing>(request: &R) -> Result<Self, Fault> {
        let mut rest = request.clone();
        let (size, token) = rest.take_paging();
        let size = match size {
            0 => DEFAULT,
            1.. => size.min(MOST),
            _ => return Err(Fault::invalid("page_size", "must not be negative")),
        };
        let arguments = digest_of(&[std::any::type_name::<R>().as_bytes(), &rest.encode_to_vec()]);
        let after = if token.is_empty() { None } else { Some(open(&token, arguments)?) };
        Ok(Self { size: size as u64, after, arguments })
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
        let mut bytes = self.arguments.to_vec();
        bytes.extend(serde_json::to_vec(key).unwrap_or_default());
        let check = digest_of(&[&bytes]);
        bytes.extend(check);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn open<C: DeserializeOwned>(token: &str, arguments: [u8; 8]) -> Result<C, Fault> {
    let bad = |problem| Fault::invalid("page_token", problem);
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad("is not a page token"))?;
    let (rest, check) = bytes.split_last_chunk::<8>().ok_or_else(|| bad("is not a page token"))?;
    if digest_of(&[rest]) != *check {
        return Err(bad("is not a page token"));
    }
    let (of, key) = rest.split_first_chunk::<8>().ok_or_else(|| bad("is not a page token"))?;
    if *of != arguments {
        return Err(bad("belongs to another list or other arguments"));
    }
    // No database text holds NUL; a token that does was not made by us.
    if key.windows(6).any(|escape| escape == b"\\u0000") {
        return Err(bad("is not a page token"));
    }
    serde_json::from_slice(key).map_err(|_| bad("is not a page token"))
}

fn digest_of(parts: &[&[u8]]) -> [u8; 8] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    std::array::from_fn(|place| context.clone().finish().as_ref()[place])
}

#[cfg(test)]
mod tests {
    use contracts::{
        order::ListOrdersRequest,
        user::{ListUsersRequest, ListUsersResponse, User},
    };

    use super::*;

    fn token(request: &ListUsersRequest) -> String {
        Page::of(request).unwrap().make(0..=50, |row| *row, Ok::<u32, Fault>).unwrap().1
    }

    #[test]
    fn a_token_continues_after_the_last_row() {
        let mut request = ListUsersRequest::default();
        request.page_token = token(&request);
        assert_eq!(Page::<u32>::of(&request).unwrap().after, Some(49));
        request.page_size = 7;
        assert_eq!(Page::<u32>::of(&request).unwrap().size, 7);
    }

    #[test]
    fn tokens_of_other_arguments_other_lists_and_none_at_all_are_refused() {
        let page_token = token(&ListUsersRequest::default());
        let other =
            ListUsersRequest { query: "x".to_owned(), page_token: page_token.clone(), ..Default::default() };
        assert!(Page::<u32>::of(&other).is_err());
        assert!(
            Page::<u32>::of(&ListOrdersRequest { page_token: page_token.clone(), ..Default::default() })
                .is_err()
        );
        for bad in ["x", "eA", "????", &page_token[1..], &format!("{page_token}AAAA")] {
            let request = ListUsersRequest { page_token: bad.to_owned(), ..Default::default() };
            assert_eq!(Page::<u32>::of(&request).unwrap_err().fields[0].0, "page_token", "{bad}");
        }
    }

    #[test]
    fn a_page_that_would_be_too_large_has_fewer_items_and_goes_on_after_the_last() {
        let mut request = ListUsersRequest { page_size: 1_000, ..Default::default() };
        let rows = (0..700_u32).collect::<Vec<_>>();
        let mut seen = Vec::new();
        loop {
            let page = Page::<u32>::of(&request).unwrap();
            let left = rows.iter().copied().filter(|row| page.after.is_none_or(|after| *row > after));
            let render = |row: u32| {
                Ok::<_, Fault>(User {
                    id: row.to_string(),
                    username: "x".repeat(20_000),
                    ..Default::default()
                })
            };
            let (users, token) = page.make(left, |row| *row, render).unwrap();
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
        let page = Page::<u32>::of(&ListUsersRequest::default()).unwrap();
        let huge = |_| Ok::<_, Fault>(User { username: "x".repeat(8 << 20), ..Default::default() });
        assert_eq!(page.make([1, 2], |row| *row, huge).unwrap().0.len(), 1);
    }

    #[test]
    fn sizes_default_to_50_and_end_at_1000() {
        let size = |page_size| {
            Page::<u32>::of(&ListUsersRequest { page_size, ..Default::default() }).map(|page| page.size)
        };
        assert_eq!(size(0).unwrap(), 50);
        assert_eq!(size(3).unwrap(), 3);
        assert_eq!(size(5_000).unwrap(), 1_000);
        assert!(size(-1).is_err());
    }

    #[test]
    fn the_last_page_has_no_token() {
        let page = Page::<u32>::of(&ListUsersRequest { page_size: 3, ..Default::default() }).unwrap();
        let make = |rows: &[u32]| page.make(rows.to_vec(), |row| *row, Ok::<u32, Fault>).unwrap();
        assert_eq!(make(&[1, 2, 3]), (vec![1, 2, 3], String::new()));
        let (items, token) = make(&[1, 2, 3, 4]);
        assert_eq!((items, token.is_empty()), (vec![1, 2, 3], false));
        assert_eq!(make(&[]), (vec![], String::new()));
    }
}
