//! Pure rules: which states follow which, what a provider's answer means, how much may be given back.

mod admission;
mod balance;
mod dispute;
mod figure;
mod flag;
mod ledger;
mod outcome;
mod pace;
mod settlement;
mod state;
mod webhook;

pub use admission::{Admission, admit};
pub use balance::Balance;
pub use dispute::{DisputeState, Fee, Known, Moved, unbooked};
pub use figure::book;
pub use flag::{Flag, Flags};
pub use ledger::{Account, Movement};
pub use outcome::{Conclusion, PROVIDER_UNAVAILABLE, Verdict, conclude, learn, verdict};
pub use pace::Pace;
pub use settlement::{SETTLED_AS_FAILED, Settlement, settle};
pub use state::{Event, Operation, RefundState, State, next};
pub use webhook::{Hearing, hear};
