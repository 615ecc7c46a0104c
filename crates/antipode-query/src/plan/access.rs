//! How a loop over a collection finds its documents.

use std::sync::Arc;

use antipode_value::{Str, Value};

use crate::expression::Expression;
use crate::index::IndexInfo;
use crate::source::Direction;

/// How documents are found.
#[derive(Clone, Debug)]
pub enum Access {
    /// All of them.
    Full,
    /// By `_key` or `_id`: those that the expression gives (one, or an array of them if `many`).
    Key {
        /// Gives the key or keys.
        keys: Expression,
        /// The expression gives an array.
        many: bool,
        /// The expression gives `_id`s rather than keys.
        ids: bool,
    },
    /// By a range of `_key`. A few more may come, so the condition stays.
    KeyRange {
        /// Lower end.
        lower: Option<RangeEnd>,
        /// Upper end.
        upper: Option<RangeEnd>,
    },
    /// Edges by one of their ends.
    Edge {
        /// Out: by `_from`; in: by `_to`.
        direction: Direction,
        /// Gives the vertex id or ids.
        vertices: Expression,
        /// The expression gives an array.
        many: bool,
    },
    /// By a persistent index.
    Index(Box<IndexAccess>),
    /// By a geo index.
    Geo(Box<GeoAccess>),
    /// By any of several accesses; each document comes once.
    Union {
        /// The accesses.
        parts: Vec<Access>,
        /// All go by one index, and give their documents together in its order; backward if true.
        merged: Option<bool>,
    },
    /// Those whose attribute equals a value: from the second time on by a table that is built of the whole collection.
    Table {
        /// The attribute, as names from the document.
        path: Vec<Str>,
        /// Gives the value.
        value: Expression,
    },
}

/// What the first fields of an index must equal.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// Gives the value, or the array of values if `many`.
    pub value: Expression,
    /// The expression gives an array; what is no array gives nothing.
    pub many: bool,
}

/// One end of a range.
#[derive(Clone, Debug)]
pub struct RangeEnd {
    /// Gives the value.
    pub value: Expression,
    /// The value itself is inside.
    pub inclusive: bool,
}

/// A reading of a persistent index. Documents come in the order of its entries.
#[derive(Clone, Debug)]
pub struct IndexAccess {
    /// Which.
    pub index: Arc<IndexInfo>,
    /// What the first fields must equal.
    pub lookups: Vec<Lookup>,
    /// Lower end of the field behind them.
    pub lower: Option<RangeEnd>,
    /// Upper end of the field behind them.
    pub upper: Option<RangeEnd>,
    /// From the greatest entry down.
    pub reverse: bool,
    /// The entries hold all that is read of the documents.
    pub index_only: bool,
    /// The attributes that are read of the documents, if that is known.
    pub projections: Option<Vec<Vec<Str>>>,
}

impl IndexAccess {
    /// All entries of an index.
    pub fn all(index: Arc<IndexInfo>, reverse: bool) -> IndexAccess {
        IndexAccess {
            index,
            lookups: Vec::new(),
            lower: None,
            upper: None,
            reverse,
            index_only: false,
            projections: None,
        }
    }

    /// Whether it can meet a document several times: an array field is not held to one value.
    pub fn repeats(&self) -> bool {
        let fields = self.index.fields.iter().enumerate();
        fields
            .filter(|(_, field)| field.each.is_some())
            .any(|(place, _)| self.lookups.get(place).is_none_or(|lookup| lookup.many))
    }
}

impl From<IndexAccess> for Access {
    fn from(access: IndexAccess) -> Access {
        Access::Index(Box::new(access))
    }
}

/// A question to a geo index. The condition or order that it stands for may still be tested behind it.
#[derive(Clone, Debug)]
pub struct GeoAccess {
    /// Which.
    pub index: Arc<IndexInfo>,
    /// The point or shape that documents are held against.
    pub origin: GeoOrigin,
    /// Least distance in metres.
    pub least: Option<Expression>,
    /// Greatest distance in metres.
    pub most: Option<Expression>,
    /// Sorted by distance: nearest first if true.
    pub nearest_first: Option<bool>,
}

/// What the documents of a geo index are held against.
#[derive(Clone, Debug)]
pub enum GeoOrigin {
    /// Latitude and longitude, as DISTANCE takes them.
    Point(Expression, Expression),
    /// A shape, as GEO_DISTANCE takes it: distance is that of the middles.
    Middle(Expression),
    /// A shape that documents lie in or touch.
    Touching(Expression),
}

/// Elements of a list that is not known, for estimates.
const LIST: f64 = 10.0;
/// Edges of a vertex, for estimates.
const DEGREE: f64 = 10.0;
/// Distinct entries for each entry of an index, where that is not known.
const SELECTIVITY: f64 = 0.1;

impl Access {
    /// The names of the indexes that are used, if any is.
    pub fn index_names(&self) -> Vec<&str> {
        match self {
            Access::Full | Access::Table { .. } => Vec::new(),
            Access::Key { .. } | Access::KeyRange { .. } => vec!["primary"],
            Access::Edge { .. } => vec!["edge"],
            Access::Index(access) => vec![&access.index.name],
            Access::Geo(access) => vec![&access.index.name],
            Access::Union { parts, .. } => parts.iter().flat_map(Access::index_names).collect(),
        }
    }

    /// Whether an index is used.
    pub fn uses_index(&self) -> bool {
        !matches!(self, Access::Full | Access::Table { .. })
    }

    /// About how many documents it finds, of so many.
    pub fn estimate(&self, documents: f64) -> f64 {
        let found = match self {
            Access::Full => documents,
            Access::Table { .. } => DEGREE,
            Access::Key { many: false, .. } => 1.0,
            Access::Key { keys, .. } => known_length(keys).unwrap_or(LIST),
            Access::KeyRange { lower, upper } => documents * range_share(lower, upper),
            Access::Edge { many: false, .. } => DEGREE,
            Access::Edge { vertices, .. } => DEGREE * known_length(vertices).unwrap_or(LIST),
            Access::Index(access) => access.estimate(documents),
            Access::Geo(access) if access.most.is_none() => documents,
            Access::Geo(_) => documents / 4.0,
            Access::Union { parts, .. } => parts.iter().map(|part| part.estimate(documents)).sum(),
        };
        found.min(documents)
    }

    /// Calls `visit` for the outermost expressions.
    pub fn each_expression(&self, visit: &mut dyn FnMut(&Expression)) {
        match self {
            Access::Full => {}
            Access::Key { keys, .. } => visit(keys),
            Access::Edge { vertices, .. } => visit(vertices),
            Access::Table { value, .. } => visit(value),
            Access::KeyRange { lower, upper } => {
                let ends = lower.iter().chain(upper);
                ends.for_each(|end| visit(&end.value));
            }
            Access::Index(access) => access.each_expression(visit),
            Access::Geo(access) => {
                match &access.origin {
                    GeoOrigin::Point(latitude, longitude) => {
                        visit(latitude);
                        visit(longitude);
                    }
                    GeoOrigin::Middle(shape) | GeoOrigin::Touching(shape) => visit(shape),
                }
                access.least.iter().chain(&access.most).for_each(visit);
            }
            Access::Union { parts, .. } => {
                parts.iter().for_each(|part| part.each_expression(visit))
            }
        }
    }

    /// As [`Access::each_expression`], to change them.
    pub fn each_expression_mut(&mut self, visit: &mut dyn FnMut(&mut Expression)) {
        match self {
            Access::Full => {}
            Access::Key { keys, .. } => visit(keys),
            Access::Edge { vertices, .. } => visit(vertices),
            Access::Table { value, .. } => visit(value),
            Access::KeyRange { lower, upper } => {
                let ends = lower.iter_mut().chain(upper);
                ends.for_each(|end| visit(&mut end.value));
            }
            Access::Index(access) => access.each_expression_mut(visit),
            Access::Geo(access) => {
                match &mut access.origin {
                    GeoOrigin::Point(latitude, longitude) => {
                        visit(latitude);
                        visit(longitude);
                    }
                    GeoOrigin::Middle(shape) | GeoOrigin::Touching(shape) => visit(shape),
                }
                let bounds = access.least.iter_mut().chain(&mut access.most);
                bounds.for_each(visit);
            }
            Access::Union { parts, .. } => parts
                .iter_mut()
                .for_each(|part| part.each_expression_mut(visit)),
        }
    }
}

impl IndexAccess {
    /// Calls `visit` for the outermost expressions.
    pub fn each_expression(&self, visit: &mut dyn FnMut(&Expression)) {
        self.lookups.iter().for_each(|lookup| visit(&lookup.value));
        let ends = self.lower.iter().chain(&self.upper);
        ends.for_each(|end| visit(&end.value));
    }

    /// As [`IndexAccess::each_expression`], to change them.
    pub fn each_expression_mut(&mut self, visit: &mut dyn FnMut(&mut Expression)) {
        let lookups = self.lookups.iter_mut();
        lookups.for_each(|lookup| visit(&mut lookup.value));
        let ends = self.lower.iter_mut().chain(&mut self.upper);
        ends.for_each(|end| visit(&mut end.value));
    }

    /// About how many entries it meets, where the collection has so many documents.
    fn estimate(&self, documents: f64) -> f64 {
        let entries = (self.index.entries as f64).max(documents).max(1.0);
        let fields = self.index.fields.len().max(1) as f64;
        let held = self.lookups.len() as f64;
        let lists: f64 = self
            .lookups
            .iter()
            .filter(|lookup| lookup.many)
            .map(|lookup| known_length(&lookup.value).unwrap_or(LIST))
            .product();
        if self.index.unique && held >= fields {
            return lists;
        }
        // Distinct entries share out evenly among the fields: each field held narrows by the same factor.
        let distinct = (entries * self.index.selectivity.unwrap_or(SELECTIVITY)).max(1.0);
        let held_to = entries / distinct.powf(held / fields);
        held_to * lists * range_share(&self.lower, &self.upper)
    }
}

/// The share of entries that lies in a range, by rule of thumb.
fn range_share(lower: &Option<RangeEnd>, upper: &Option<RangeEnd>) -> f64 {
    match (lower, upper) {
        (None, None) => 1.0,
        (Some(_), Some(_)) => 0.25,
        _ => 0.5,
    }
}

/// How many elements a list has, if that is known.
pub fn known_length(list: &Expression) -> Option<f64> {
    match list {
        Expression::Constant(Value::Array(array)) => Some(array.len() as f64),
        Expression::Array(elements) => Some(elements.len() as f64),
        Expression::Range(ends) => {
            let (first, last) = (
                ends[0].constant()?.to_float(),
                ends[1].constant()?.to_float(),
            );
            Some((last - first).abs() + 1.0)
        }
        _ => None,
    }
}
