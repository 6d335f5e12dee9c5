//! Currencies: those of ISO 4217's list as its maintenance agency publishes it (crate `iso4217-static`), and
//! those withdrawn from it since, in which old rows are kept.

use std::{fmt, str::FromStr};

use iso4217_static::Currency as Listed;

/// Withdrawn from the list, with the decimals they had. Prices in them stay readable, and what is owed in them
/// can be paid back; nothing new is priced in them. A currency that a new list lacks comes here.
const WITHDRAWN: &[(&str, u8)] = &[
    ("ANG", 2),
    ("BGN", 2),
    ("BYR", 0),
    ("CUC", 2),
    ("EEK", 2),
    ("HRK", 2),
    ("LTL", 2),
    ("LVL", 2),
    ("MRO", 2),
    ("SKK", 2),
    ("SLL", 2),
    ("STD", 2),
    ("UYI", 0),
    ("VEF", 2),
    ("ZMK", 2),
    ("ZWL", 2),
];
/// On the list, and no money that anybody pays with: units of account between central banks.
const UNITS_OF_ACCOUNT: &[&str] = &["XAD"];
/// As many decimals as the minor units of a currency in circulation have.
const MOST_DECIMALS: u8 = 3;

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    code: [u8; 3],
    decimals: u8,
    withdrawn: bool,
}

impl Currency {
    /// Its three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or("???")
    }

    /// How many decimals its minor unit has.
    pub fn exponent(&self) -> u32 {
        u32::from(self.decimals)
    }

    /// Whether it is no longer money anywhere: what is kept in it stays readable, but nothing is priced in it anew.
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn
    }

    /// Minor units in one unit.
    pub(crate) fn scale(&self) -> i64 {
        10i64.pow(self.exponent())
    }
}

/// Reads the code of a currency that is or was money.
impl FromStr for Currency {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| ())?;
        if let Some((_, decimals)) = WITHDRAWN.iter().find(|(code, _)| *code == text) {
            return Ok(Self { code, decimals: *decimals, withdrawn: true });
        }
        let listed: Listed = text.parse().map_err(|_| ())?;
        // Metals, funds, what is for tests, and no currency at all are listed too.
        match listed.minor_unit() {
            Some(decimals @ ..=MOST_DECIMALS) if !listed.is_fund() && !UNITS_OF_ACCOUNT.contains(&text) => {
                Ok(Self { code, decimals, withdrawn: false })
            }
            _ => Err(()),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything in which this program ever took prices, by decimals: there may be rows in each.
    const EVER_TAKEN: [(usize, &str); 3] = [
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (
            2,
            "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
             CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL \
             HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP \
             MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD \
             SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS \
             VED VES WST XCD XCG YER ZAR ZMW ZWG",
        ),
    ];

    #[test]
    fn every_currency_in_which_there_may_be_rows_is_read_with_its_decimals() {
        for (decimals, codes) in EVER_TAKEN {
            for code in codes.split_ascii_whitespace() {
                let currency: Currency = code.parse().unwrap_or_else(|()| panic!("{code} cannot be read"));
                assert_eq!((currency.code(), currency.exponent() as usize), (code, decimals));
                let withdrawn = WITHDRAWN.iter().any(|(withdrawn, _)| *withdrawn == code);
                assert_eq!(currency.is_withdrawn(), withdrawn, "{code}");
            }
        }
    }

    #[test]
    fn the_list_is_of_today() {
        for code in ["EUR", "XCG", "ZWG", "SLE", "VED", "VES"] {
            assert!(!code.parse::<Currency>().unwrap().is_withdrawn(), "{code}");
        }
        for code in ["ANG", "BGN", "HRK", "ZWL"] {
            assert!(code.parse::<Currency>().unwrap().is_withdrawn(), "{code}");
        }
        for (code, decimals) in WITHDRAWN {
            let payable = code.parse::<Listed>().is_ok_and(|listed| !listed.is_fund());
            assert!(!payable, "{code} is on the list");
            assert!(*decimals <= MOST_DECIMALS);
        }
    }

    #[test]
    fn what_is_no_money_to_pay_with_is_none() {
        for code in [
            "", "eur", "EU", "EURO", "ABC", "XXX", "XTS", "XAU", "XDR", "XAD", "CLF", "CHE", "USN", "UYW",
            "ÄÖ",
        ] {
            assert!(code.parse::<Currency>().is_err(), "{code}");
        }
    }
}
