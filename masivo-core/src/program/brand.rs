//! Brands: what events belong to.

use crate::prelude::*;
use crate::shape::{LONG_TEXT, ObjectShape, TEXT, Unknown, optional, required};
use crate::value::Json;

/// A brand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrandSpec {
    /// Its name.
    pub name: String,
}

/// A brand as it is written; its id stands in the path.
pub const BRAND: ObjectShape = ObjectShape {
    name: "Brand",
    fields: &[required("name", TEXT, "the brand's name"), optional("description", LONG_TEXT, "what it is")],
    unknown: Unknown::Refused,
};

pub(super) fn read(json: &Json) -> BrandSpec {
    BrandSpec { name: json.text("name").unwrap_or_default().to_owned() }
}
