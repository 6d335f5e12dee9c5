//! Countries as CLDR has them (crate `icu_locale`): those of ISO 3166-1, and others that mail goes to, Kosovo among
//! them.

use icu_locale::{locale, names::RegionDisplayName, subtags::Region};

/// Regions of CLDR that are no countries: unions, outlying places together, tests, and none.
const OTHERS: [&str; 7] = ["EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"];

/// Whether a code, in capitals, is a country's.
pub fn is_country(code: &str) -> bool {
    // Parsing takes small letters and digits too.
    if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) || OTHERS.contains(&code) {
        return false;
    }
    let Ok(region) = code.parse::<Region>() else { return false };
    // A code that was withdrawn has no name.
    RegionDisplayName::try_new_light(locale!("en").into(), region).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ISO 3166-1, all of it.
    const ISO: &str = "\
        AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
        CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET \
        FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU \
        ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY \
        MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM \
        PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS \
        ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS \
        YE YT ZA ZM ZW";

    #[test]
    fn every_country_of_iso_3166_is_one_and_those_of_cldr_are_too() {
        assert_eq!(ISO.split(' ').count(), 249);
        for code in ISO.split(' ').chain(["AC", "CP", "CQ", "DG", "EA", "IC", "TA", "XK"]) {
            assert!(is_country(code), "{code}");
        }
    }

    #[test]
    fn what_is_no_country_or_no_longer_one_is_none() {
        for bad in [
            "", "pt", "Pt", "XX", "EU", "UN", "ZZ", "XA", "UK", "AN", "SU", "YU", "DD", "CS", "P", "DE ",
            " ", "T U", "001", "12", "ÄÖ",
        ] {
            assert!(!is_country(bad), "{bad}");
        }
    }
}
