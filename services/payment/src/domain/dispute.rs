//! Disputes: what is heard of one, in any order, and where its money is.

use sea_orm::{DeriveActiveEnum, EnumIter, prelude::StringLen};

/// Where a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(20))")]
pub enum DisputeState {
    #[sea_orm(string_value = "OPEN")]
    Open,
    #[sea_orm(string_value = "WON")]
    Won,
    #[sea_orm(string_value = "LOST")]
    Lost,
}

/// Which way a dispute's money went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    Withdrawn,
    Reinstated,
}

/// What is known of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub state: DisputeState,
    pub was_withdrawn: bool,
    pub was_reinstated: bool,
}

impl Known {
    /// What is known after an event. An end stays one, whatever comes late.
    pub fn after(mut self, state: DisputeState, moved: Option<Moved>) -> Self {
        if self.state == DisputeState::Open {
            self.state = state;
        }
        match moved {
            Some(Moved::Withdrawn) => self.was_withdrawn = true,
            Some(Moved::Reinstated) => self.was_reinstated = true,
            None => {}
        }
        self
    }

    /// Whether the bank has the money now. The end of a dispute says so for good, whether or not its movements were
    /// told.
    pub fn is_withdrawn(self) -> bool {
        match self.state {
            DisputeState::Open => self.was_withdrawn && !self.was_reinstated,
            DisputeState::Won => false,
            DisputeState::Lost => true,
        }
    }
}

impl From<DisputeState> for contracts::payment::DisputeState {
    fn from(state: DisputeState) -> Self {
        match state {
            DisputeState::Open => Self::Open,
            DisputeState::Won => Self::Won,
            DisputeState::Lost => Self::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The events of one dispute, in any order and any number of times, end where they end in order.
        #[test]
        fn the_order_of_delivery_does_not_matter(
            won: bool,
            order in Just(vec![0usize, 1, 2, 3, 0, 1, 2, 3]).prop_shuffle(),
        ) {
            use DisputeState::{Lost, Open, Won};
            let nothing = Known { state: Open, was_withdrawn: false, was_reinstated: false };
            let end = if won { Won } else { Lost };
            let back = won.then_some(Moved::Reinstated);
            let told = [(Open, None), (Open, Some(Moved::Withdrawn)), (end, None), (end, back)];
            let known = order.into_iter().fold(nothing, |known, which| {
                let (state, moved) = told[which];
                known.after(state, moved)
            });
            prop_assert_eq!((known.state, known.is_withdrawn()), (end, !won));
        }
    }
}
