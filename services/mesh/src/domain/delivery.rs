//! The state of a delivery.

/// Stored as its number in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum DeliveryState {
    Pending = 1,
    Succeeded = 2,
    Failed = 3,
}
