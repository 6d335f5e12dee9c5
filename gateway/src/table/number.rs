//! Numbers of cells, which are refused where they could mean two things: `1.250` is a thousand and more to some
//! and a little more than one to others.

use kit::Currency;

/// Decimals of an amount whose currency is not known.
const USUAL_DECIMALS: usize = 2;
/// Digits in which money's nanos count.
const NANOS: usize = 9;

/// Whether a cell is a whole number in digits alone.
pub fn whole(cell: &str) -> Result<(), String> {
    let number = cell.strip_prefix('-').unwrap_or(cell);
    match digits(number) {
        true if number.len() > 1 && number.starts_with('0') => {
            Err(format!("`{cell}` begins with zeros: write a whole number without them"))
        }
        true => Ok(()),
        false if is_separated(cell) => Err(format!(
            "`{cell}` has what could be a thousands separator: write a whole number in digits alone"
        )),
        false => Err("expected a whole number in digits alone".to_owned()),
    }
}

/// Reads a decimal number as units and billionths. It has a point or a comma only before decimals, and no more
/// of these than the currency has: anything else could be a thousands separator.
pub fn amount(cell: &str, currency_code: &str) -> Result<(i64, i32), String> {
    let expected = || "expected an amount such as 12.99".to_owned();
    let currency = currency_code.trim().parse::<Currency>().ok();
    let most = currency.map_or(USUAL_DECIMALS, |currency| currency.exponent() as usize);
    let ambiguous = || {
        let allowed = match (currency, most) {
            (Some(currency), 0) => format!("{currency} has no decimals"),
            (Some(currency), most) => {
                format!("{currency} has at most {most} decimals, after a point or a comma")
            }
            (None, most) => format!("at most {most} decimals stand after a point or a comma"),
        };
        format!("`{cell}` has what could be a thousands separator: write none; {allowed}")
    };
    let (negative, number) = match cell.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, cell),
    };
    let (units, decimals) = match number.split_once(['.', ',']) {
        Some((units, decimals)) if digits(units) && digits(decimals) && decimals.len() <= most => {
            (units, decimals)
        }
        None if digits(number) => (number, ""),
        _ if is_separated(cell) => return Err(ambiguous()),
        _ => return Err(expected()),
    };
    let units: i64 = units.parse().map_err(|_| "is too large an amount".to_owned())?;
    let nanos: i32 = format!("{decimals:0<NANOS$}").parse().map_err(|_| expected())?;
    Ok(if negative { (-units, -nanos) } else { (units, nanos) })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a cell is a number but for what stands between its digits: what separates thousands or decimals
/// anywhere.
fn is_separated(cell: &str) -> bool {
    let number = cell.strip_prefix('-').unwrap_or(cell);
    number.starts_with(|c: char| c.is_ascii_digit() || is_separator(c))
        && number.contains(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || is_separator(c))
        && !digits(number)
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '.' | ',' | '\'' | '`' | '´' | '‘' | '’' | 'ʼ' | '·' | '˙' | '٫' | '٬' | '，' | '．' | '_'
        )
}
