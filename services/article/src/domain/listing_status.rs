//! The listing status: what changes of an article and what lists ask for, as one small number that indexes begin with.

use super::list::{Filter, Visibility};

/// An article's listing status. The numbers are the database's (the column `shelf`): 0 is deleted; 1 to 3 are inactive,
/// 4 to 6 active; each out of stock, low on stock, in stock.
pub type ListingStatus = i16;

pub const DELETED: ListingStatus = 0;
/// Active and in stock, as most of a shop's articles are.
pub const ACTIVE_IN_STOCK: ListingStatus = 6;

const INACTIVE: [ListingStatus; 3] = [1, 2, 3];
const ACTIVE: [ListingStatus; 3] = [4, 5, 6];

/// The status of an article that is not deleted.
pub fn listing_status(active: bool, free: i64, low_stock_threshold: i64) -> ListingStatus {
    let stock = match free {
        0 => 0,
        free if free <= low_stock_threshold => 1,
        _ => 2,
    };
    if active { ACTIVE[stock] } else { INACTIVE[stock] }
}

/// The statuses that an article may have which a filter finds, whatever it says of words, category and prices.
pub fn statuses(filter: &Filter) -> Vec<ListingStatus> {
    let active = filter.active.is_none_or(|wanted| wanted);
    // Only active articles count as low; what is not low may be inactive, too.
    let inactive = filter.visibility != Visibility::Public
        && filter.active != Some(true)
        && filter.low_stock != Some(true);
    let halves = [(inactive, INACTIVE), (active, ACTIVE)];
    let stocked = |place: &usize| {
        filter.in_stock.is_none_or(|wanted| wanted == (*place > 0))
            && filter.low_stock.is_none_or(|wanted| wanted == (*place < 2))
    };
    let wanted = halves.into_iter().filter(|(wanted, _)| *wanted);
    wanted.flat_map(|(_, half)| (0..3).filter(stocked).map(move |place| half[place])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_finds_the_statuses_of_the_articles_that_it_means() {
        let asked = [None, Some(true), Some(false)];
        let articles = [false, true].into_iter().flat_map(|active| {
            (0..4).flat_map(move |free| (0..4).map(move |threshold| (active, free, threshold)))
        });
        for visibility in [Visibility::Public, Visibility::Staff, Visibility::Mesh] {
            for (in_stock, active, low_stock) in asked
                .into_iter()
                .flat_map(|one| asked.into_iter().flat_map(move |two| asked.map(|three| (one, two, three))))
            {
                let filter = Filter {
                    visibility,
                    words: None,
                    category: String::new(),
                    min_price: None,
                    max_price: None,
                    in_stock,
                    active,
                    low_stock,
                };
                let found = statuses(&filter);
                assert!(!found.contains(&DELETED));
                for (is_active, free, threshold) in articles.clone() {
                    let wanted = (visibility != Visibility::Public || is_active)
                        && in_stock.is_none_or(|wanted| wanted == (free > 0))
                        && active.is_none_or(|wanted| wanted == is_active)
                        && low_stock.is_none_or(|wanted| match wanted {
                            true => is_active && free <= threshold,
                            false => free > threshold,
                        });
                    let article = (is_active, free, threshold);
                    assert_eq!(
                        found.contains(&listing_status(is_active, free, threshold)),
                        wanted,
                        "{article:?} {filter:?}"
                    );
                }
            }
        }
    }
}
