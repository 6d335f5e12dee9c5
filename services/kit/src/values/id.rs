//! Typed ids: a UUIDv7 in the database, a TypeID (`usr_01h45ytscbebyvny4gc8cr8ma2`) everywhere else.
//!
//! TypeID: <https://github.com/jetify-com/typeid/tree/main/spec>, a prefix and the UUID's 128 bits in
//! 26 characters of lower-case Crockford base32.

use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an id that begins with {0}_")]
pub struct Malformed(pub &'static str);

/// What all typed ids can do.
pub trait Id: Copy + std::fmt::Display + std::str::FromStr<Err = Malformed> + Send + Sync + 'static {
    /// What the id's text begins with, without the underscore.
    const PREFIX: &'static str;
    /// A new id; later ones sort after earlier ones.
    fn new() -> Self;
    /// The id's 128 bits.
    fn uuid(self) -> Uuid;
}

impl OrderId {
    /// Before all others.
    pub const FIRST: OrderId = OrderId(Uuid::nil());
}

impl RoleId {
    /// One that is not made but built in: before all others, by its number.
    pub const fn numbered(number: u128) -> Self {
        RoleId(Uuid::from_u128(number))
    }
}

impl UserId {
    /// After all others.
    pub const LAST: UserId = UserId(Uuid::max());
}

impl AuditId {
    /// A new one whose time is `now` of our own clock, so that ids are in the order of the times.
    pub fn at(now: crate::Time) -> Self {
        Self(Uuid::new_v7(Self::timestamp(now)))
    }

    /// The first that a time of that millisecond can have: bounds of times become bounds of ids.
    pub fn first_at(time: crate::Time) -> Self {
        let millis = u128::try_from(time.0.div_euclid(1_000)).unwrap_or(0).min((1 << 48) - 1);
        Self(Uuid::from_u128(millis << 80))
    }

    fn timestamp(now: crate::Time) -> uuid::Timestamp {
        let micros = u64::try_from(now.0).unwrap_or(0);
        uuid::Timestamp::from_unix(uuid::NoContext, micros / 1_000_000, (micros % 1_000_000 * 1_000) as u32)
    }
}

/// Writes the 26 characters.
pub fn encode(uuid: Uuid) -> [u8; 26] {
    let bits = uuid.as_u128();
    std::array::from_fn(|place| ALPHABET[(bits >> (5 * (25 - place))) as usize & 31])
}

/// Reads the 26 characters; only the one spelling that [`encode`] writes.
pub fn decode(text: &[u8]) -> Option<Uuid> {
    if text.len() != 26 || text[0] > b'7' {
        return None;
    }
    let mut bits = 0u128;
    for byte in text {
        let digit = ALPHABET.iter().position(|letter| letter == byte)?;
        bits = bits << 5 | digit as u128;
    }
    Some(Uuid::from_u128(bits))
}

/// Declares a typed id.
macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "database", derive(sea_orm::DeriveValueType))]
        pub struct $name(pub Uuid);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;

            fn new() -> Self {
                Self(Uuid::now_v7())
            }

            fn uuid(self) -> Uuid {
                self.0
            }
        }

        #[cfg(feature = "database")]
        impl sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
                Err(sea_orm::DbErr::ConvertFromU64(stringify!($name)))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(concat!($prefix, "_"))?;
                encode(self.0).iter().try_for_each(|letter| std::fmt::Write::write_char(out, *letter as char))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, out)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(|rest| decode(rest.as_bytes()))
                    .map(Self)
                    .ok_or(Malformed($prefix))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

typed_id!(/// A user.
    UserId, "usr");
typed_id!(/// An entry of an address book.
    AddressId, "adr");
typed_id!(/// A signed-in session.
    SessionId, "ses");
typed_id!(/// An event of the audit log.
    AuditId, "aud");
typed_id!(/// An API key.
    ApiKeyId, "key");
typed_id!(/// A passkey.
    PasskeyId, "psk");
typed_id!(/// A role that an administrator made.
    RoleId, "rol");
typed_id!(/// An article.
    ArticleId, "art");
typed_id!(/// An order or a basket.
    OrderId, "ord");
typed_id!(/// A line of an order.
    LineId, "lin");
typed_id!(/// An adjustment of an order's total.
    AdjustmentId, "adj");
typed_id!(/// A payment.
    PaymentId, "pay");
typed_id!(/// A refund.
    RefundId, "ref");
typed_id!(/// A dispute of a payment.
    DisputeId, "dsp");
typed_id!(/// A fee that a provider took for a dispute, or gave back.
    DisputeFeeId, "fee");
typed_id!(/// One side of a movement of money.
    EntryId, "ent");
typed_id!(/// An event, as those who build on the shop are told of it.
    EventId, "evt");
typed_id!(/// A webhook.
    WebhookId, "whk");
typed_id!(/// An event brought to a webhook.
    DeliveryId, "dlv");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let uuid = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        assert_eq!(UserId(uuid).to_string(), "usr_01h455vb4pex5vsknk084sn02q");
        assert_eq!("usr_01h455vb4pex5vsknk084sn02q".parse(), Ok(UserId(uuid)));
    }

    #[test]
    fn other_prefixes_lengths_letters_and_overflow_are_refused() {
        for text in [
            "",
            "usr",
            "usr_",
            "adr_01h455vb4pex5vsknk084sn02q",
            "usr_01h455vb4pex5vsknk084sn02",
            "usr_01h455vb4pex5vsknk084sn02qq",
            "usr_01H455vb4pex5vsknk084sn02q",
            "usr_01h455vb4pex5vsknk084sn02u",
            "usr_81h455vb4pex5vsknk084sn02q",
            "usr_é1h455vb4pex5vsknk084sn02",
        ] {
            assert_eq!(text.parse::<UserId>(), Err(Malformed("usr")), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_id_survives_the_way_to_text_and_back(bits: u128) {
            let id = OrderId(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn ids_sort_as_their_texts_do(a: u128, b: u128) {
            let (a, b) = (OrderId(Uuid::from_u128(a)), OrderId(Uuid::from_u128(b)));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
