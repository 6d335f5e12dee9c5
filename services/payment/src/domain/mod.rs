//! Pure rules: which states follow which, what a provider's answer means, how much may be refunded.

mod admission;
mod balance;
mod charge;
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
pub use charge::{Capabilities, Charge, ChargeSnapshot, ChargeStatus, Failure, Outcome};
pub use dispute::{DisputeRecord, DisputeState, Fee, Moved, unbooked};
pub use figure::book;
pub use flag::{Flag, Flags};
pub use ledger::{Account, Movement};
pub use outcome::{Conclusion, PROVIDER_UNAVAILABLE, Verdict, conclude, interpret, verdict};
pub use pace::Pace;
pub use settlement::{SETTLED_AS_FAILED, Settlement, settle};
pub use state::{Event, Operation, RefundState, State};
pub use webhook::{Decision, decide};
