//! Money in several columns: what a row says of it as a whole.

use prost_reflect::{FieldDescriptor, Kind};

use super::column::{AMOUNT, Column};
use crate::{annotation, draft::Draft, fields::dotted};

/// What takes the currency of money whose amount is left out.
const BARE: &str = "feira.http.v1.bare_currency_field";

/// An amount of money that some of a table's columns are about.
#[derive(Debug)]
pub struct Money {
    /// The fields down to it.
    path: Vec<FieldDescriptor>,
    /// Where its parts stand in a row.
    currency: Option<usize>,
    amount: Option<usize>,
    units: Option<usize>,
    nanos: Option<usize>,
    /// The string beside it that takes its currency where that is all there is.
    bare: Option<FieldDescriptor>,
}

/// A field and what is wrong with it.
type Problem = (String, String);

impl Money {
    /// All that there is in a table's columns. None may be given in two ways: then they may differ.
    pub fn all(columns: &[Column]) -> Result<Vec<Money>, Problem> {
        let mut all: Vec<Money> = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            let Some((path, part)) = column.of_money() else { continue };
            let known = all.iter().position(|money| money.path == path).unwrap_or_else(|| {
                all.push(Money::at(path));
                all.len() - 1
            });
            let money = &mut all[known];
            let slot = match part {
                AMOUNT => &mut money.amount,
                "units" => &mut money.units,
                "nanos" => &mut money.nanos,
                _ => &mut money.currency,
            };
            *slot = Some(place);
            if money.amount.is_some() && (money.units.is_some() || money.nanos.is_some()) {
                let problem = "given more than once: as an amount, and as units and nanos";
                return Err((column.name(), problem.to_owned()));
            }
        }
        Ok(all)
    }

    fn at(path: &[FieldDescriptor]) -> Self {
        let bare = path.last().and_then(|field| {
            let message = field.parent_message();
            let options = field.options();
            let name = annotation::extension(&options, message.parent_pool(), BARE)?.as_str()?.to_owned();
            message.get_field_by_name(&name).filter(|field| field.kind() == Kind::String && !field.is_list())
        });
        Self { path: path.to_vec(), currency: None, amount: None, units: None, nanos: None, bare }
    }

    /// Takes back what a row did not say, once its cells are read: a currency alone is no amount of zero.
    pub fn settle(&self, row: &[String], message: &mut Draft) -> Result<(), Problem> {
        let cell = |place: Option<usize>| {
            place.and_then(|place| row.get(place)).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
        };
        let wrong =
            |part: &str, problem: &str| (format!("{}.{part}", dotted(&self.path)), problem.to_owned());
        if cell(self.amount).or(cell(self.units)).is_some() {
            return Ok(());
        }
        if cell(self.nanos).is_some() {
            return Err(wrong("units", "is needed where nanos is given"));
        }
        let Some(currency) = cell(self.currency) else { return Ok(()) };
        let Some(bare) = &self.bare else {
            return Err(wrong(AMOUNT, "is needed where a currency is given"));
        };
        if let Some((target, field)) = message.slot(&self.path) {
            target.clear(field);
            target.set_text(bare, currency);
        }
        Ok(())
    }
}
