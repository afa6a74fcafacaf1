//! Values that everything else is made of: instants, zones, exact decimals, ids, JSON.
//!
//! All of them check themselves when they are made; none can hold a wrong state afterwards.

mod decimal;
mod id;
mod json;
mod time;
mod zone;

pub use decimal::{Decimal, NumberError, Rounding};
pub use id::{Mint, StoreSecret, parse_uuid};
pub use json::{Json, Name, ObjectBuilder, object};
pub use time::{DAY, HOUR, MINUTE, SECOND, Timestamp, WEEK};
pub use zone::{Local, PeriodKind, Zone};
