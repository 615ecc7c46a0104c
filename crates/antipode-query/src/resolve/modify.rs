//! Resolving INSERT, UPDATE, REPLACE, REMOVE and UPSERT.

use std::sync::Arc;

use antipode_c8ql::ast::{self, Expr, Span, UpsertSearch};
use antipode_value::{Object, Str, Value};

use super::collection::NO_COLLECTION;
use super::{Meaning, Resolver, ScopeKind};
use crate::error::{Code, Result};
use crate::expression::{Comparison, Expression, Member, Variable};
use crate::intent;
use crate::plan::{Action, Modify, ModifyOptions, Node, NodeKind, OverwriteMode, Patch, Upsert};
use crate::source::CollectionInfo;

/// What a statement writes to, and how.
struct Destination {
    collection: Arc<CollectionInfo>,
    span: Span,
    options: ModifyOptions,
}

/// Which of `OLD` and `NEW` a statement gives.
struct Gives {
    old: Option<Meaning>,
    old_variable: Option<Variable>,
    new: bool,
}

impl Resolver<'_> {
    pub(super) fn insert(&mut self, operation: &ast::Insert, nodes: &mut Vec<Node>) -> Result<()> {
        let document = self.expression(&operation.document)?;
        let destination =
            self.destination("INSERT", &operation.collection, operation.options.as_ref())?;
        let gives = match destination.options.overwrite_mode {
            OverwriteMode::Conflict => Gives {
                old: None,
                old_variable: None,
                new: true,
            },
            OverwriteMode::Ignore => Gives {
                old: Some(Meaning::Forbidden),
                old_variable: None,
                new: true,
            },
            OverwriteMode::Replace | OverwriteMode::Update => self.gives_old(true),
        };
        self.modify(destination, Action::Insert { document }, gives, nodes)
    }

    pub(super) fn update(
        &mut self,
        operation: &ast::Update,
        replace: bool,
        nodes: &mut Vec<Node>,
    ) -> Result<()> {
        let key = operation
            .key
            .as_ref()
            .map(|key| self.expression(key))
            .transpose()?;
        let document = self.expression(&operation.document)?;
        let statement = if replace { "REPLACE" } else { "UPDATE" };
        let destination =
            self.destination(statement, &operation.collection, operation.options.as_ref())?;
        let action = if replace {
            Action::Replace { key, document }
        } else {
            let target = target_variable(key.as_ref().unwrap_or(&document));
            let patch = match target {
                Some(target) if self.intents && destination.options.version_attribute.is_none() => {
                    Patch {
                        stored: self.stored.contains(&target),
                        ..intent::capture(document, target, destination.options.merge_objects)
                    }
                }
                _ => Patch::plain(document),
            };
            Action::Update { key, patch }
        };
        let gives = self.gives_old(true);
        self.modify(destination, action, gives, nodes)
    }

    pub(super) fn remove(&mut self, operation: &ast::Remove, nodes: &mut Vec<Node>) -> Result<()> {
        let key = self.expression(&operation.key)?;
        let destination =
            self.destination("REMOVE", &operation.collection, operation.options.as_ref())?;
        let gives = self.gives_old(false);
        self.modify(destination, Action::Remove { key }, gives, nodes)
    }

    pub(super) fn upsert(&mut self, operation: &ast::Upsert, nodes: &mut Vec<Node>) -> Result<()> {
        self.scopes.open(ScopeKind::Inline);
        let current = self.special("CURRENT");
        let search = self.upsert_search(&operation.search, current);
        self.scopes.close();
        let (key, condition) = search?;
        let insert = self.expression(&operation.insert)?;
        self.scopes.open(ScopeKind::Inline);
        let old = self.special("OLD");
        let update = self.expression(&operation.update);
        self.scopes.close();
        let update = update?;
        let destination =
            self.destination("UPSERT", &operation.collection, operation.options.as_ref())?;
        let (insert, update) = if self.intents && !operation.replace {
            let update = intent::capture(update, old, destination.options.merge_objects);
            let insert = match update.intents.is_empty() {
                true => insert,
                // Intents are looked for in it.
                false => self.settle_objects(insert),
            };
            (intent::capture_insert(insert, &update.intents), update)
        } else {
            (Patch::plain(insert), Patch::plain(update))
        };
        let replace = operation.replace;
        let indexes = match destination.collection.id {
            NO_COLLECTION => Vec::new(),
            id => self.catalog.indexes(id)?,
        };
        let indexes = indexes.into_iter().map(Arc::new).collect();
        let action = Action::Upsert(Box::new(Upsert {
            current,
            key,
            index: None,
            indexes,
            documents: self.catalog.estimate(destination.collection.id),
            condition,
            old,
            insert,
            update,
            replace,
        }));
        let gives = self.gives_old(true);
        self.modify(destination, action, gives, nodes)
    }

    /// The condition of an UPSERT's look-up, and the key if it names one.
    fn upsert_search(
        &mut self,
        search: &UpsertSearch,
        current: Variable,
    ) -> Result<(Option<Expression>, Expression)> {
        let example = match search {
            UpsertSearch::Filter(condition) => {
                let condition = self.expression(condition)?;
                return Ok((key_in(&condition, current), condition));
            }
            UpsertSearch::Example(example) => example,
        };
        let resolved = self.unfolded_object(example)?;
        let mut terms = Vec::new();
        flatten(Expression::Variable(current), resolved, &mut terms);
        let condition = terms
            .into_iter()
            .reduce(|left, right| Expression::And(Box::new([left, right])));
        let condition = condition.unwrap_or(Expression::Constant(Value::Bool(true)));
        Ok((key_in(&condition, current), condition))
    }

    /// The search example of an UPSERT: an object literal without computed names, or a bind value that is an object.
    fn unfolded_object(&mut self, example: &Expr) -> Result<Expression> {
        if let ast::ExprKind::Object(members) = &example.kind
            && members
                .iter()
                .any(|member| matches!(member.kind, ast::MemberKind::Computed { .. }))
        {
            return Err(self.error(
                Code::QueryParse,
                "UPSERT search must not have computed names",
                example.span,
            ));
        }
        let resolved = self.expression(example)?;
        match self.settle_objects(resolved) {
            Expression::Constant(Value::Object(object)) => Ok(literal(&object)),
            object @ Expression::Object(_) => Ok(object),
            _ => Err(self.error(
                Code::QueryParse,
                "UPSERT search must be an object",
                example.span,
            )),
        }
    }

    fn destination(
        &mut self,
        statement: &str,
        collection: &ast::DataSource,
        options: Option<&Expr>,
    ) -> Result<Destination> {
        Ok(Destination {
            span: collection.span,
            collection: self.collection(collection)?,
            options: self.modify_options(statement, options)?,
        })
    }

    fn gives_old(&mut self, new: bool) -> Gives {
        let variable = self.hidden();
        Gives {
            old: Some(Meaning::Variable(variable)),
            old_variable: Some(variable),
            new,
        }
    }

    /// Adds the node; from here on the collection is modified, and `OLD` and `NEW` are those of this statement.
    fn modify(
        &mut self,
        destination: Destination,
        action: Action,
        gives: Gives,
        nodes: &mut Vec<Node>,
    ) -> Result<()> {
        self.modifies(&destination.collection, destination.span);
        if let Some(variable) = gives.old_variable
            && let Some(name) = self.variables.get_mut(variable.id as usize)
        {
            *name = Str::from_static("OLD");
        }
        if let Some(meaning) = gives.old {
            self.scopes.declare_special("OLD", meaning);
        }
        let new = if gives.new {
            Some(self.special("NEW"))
        } else {
            None
        };
        let modify = Modify {
            collection: destination.collection,
            action,
            options: destination.options,
            old: gives.old_variable,
            new,
        };
        self.node(NodeKind::Modify(Box::new(modify)), nodes)
    }

    fn modify_options(&mut self, statement: &str, options: Option<&Expr>) -> Result<ModifyOptions> {
        let mut result = ModifyOptions::default();
        for (name, value) in self.options(options)? {
            match (&*name, &value) {
                ("ignoreErrors", Value::Bool(set)) => result.ignore_errors = *set,
                ("ignoreRevs", Value::Bool(set)) => result.ignore_revs = *set,
                ("keepNull", Value::Bool(set)) => result.keep_null = *set,
                ("mergeObjects", Value::Bool(set)) => result.merge_objects = *set,
                ("readOwnWrites", Value::Bool(set)) => result.read_own_writes = *set,
                ("overwrite", Value::Bool(true)) => result.overwrite_mode = OverwriteMode::Replace,
                ("overwriteMode", Value::String(mode)) => match mode.as_str() {
                    "conflict" => result.overwrite_mode = OverwriteMode::Conflict,
                    "ignore" => result.overwrite_mode = OverwriteMode::Ignore,
                    "replace" => result.overwrite_mode = OverwriteMode::Replace,
                    "update" => result.overwrite_mode = OverwriteMode::Update,
                    _ => self.warn(
                        Code::BadParameter,
                        format!("unknown overwriteMode '{mode}'"),
                    ),
                },
                ("waitForSync", Value::Bool(set)) => {
                    self.wait_for_sync = Some(self.wait_for_sync.unwrap_or(false) || *set);
                }
                ("versionAttribute", Value::String(attribute)) => {
                    result.version_attribute = Some(attribute.clone());
                }
                ("indexHint", value) => result.index_hints = super::texts(value),
                ("forceIndexHint", Value::Bool(set)) => result.force_index_hint = *set,
                ("disableIndex", Value::Bool(set)) => result.disable_index = *set,
                // Accepted, without effect: of another type than the option has, or about locks and caches.
                (
                    "ignoreErrors" | "ignoreRevs" | "keepNull" | "mergeObjects" | "readOwnWrites"
                    | "overwrite" | "overwriteMode" | "versionAttribute" | "waitForSync"
                    | "exclusive" | "refillIndexCaches" | "forceIndexHint" | "disableIndex"
                    | "useCache",
                    _,
                ) => {}
                (name, _) => self.unknown_option(statement, name),
            }
        }
        Ok(result)
    }
}

/// The variable that holds the document which a key expression means: `d`, `d._key`, `{ _key: d._key, … }`.
fn target_variable(key: &Expression) -> Option<Variable> {
    match key {
        Expression::Variable(variable) => Some(*variable),
        Expression::Attribute(base, name) if &**name == "_key" => match &**base {
            Expression::Variable(variable) => Some(*variable),
            _ => None,
        },
        Expression::Object(members) => members.iter().find_map(|member| match member {
            Member::Named(name, value) if &**name == "_key" => target_variable(value),
            _ => None,
        }),
        _ => None,
    }
}

/// An object value as the literal that it could have been written as.
fn literal(object: &Object) -> Expression {
    let member = |(name, value)| {
        let value = match value {
            Value::Object(inner) if !inner.is_empty() => literal(&inner),
            value => Expression::Constant(value),
        };
        Member::Named(name, value)
    };
    Expression::Object(object.to_pairs().into_iter().map(member).collect())
}

/// Turns a search example into comparisons of paths with values.
fn flatten(base: Expression, example: Expression, terms: &mut Vec<Expression>) {
    match example {
        Expression::Object(members) if !members.is_empty() => {
            for member in members {
                match member {
                    Member::Named(name, value) => {
                        flatten(
                            Expression::Attribute(Box::new(base.clone()), name),
                            value,
                            terms,
                        );
                    }
                    Member::Computed(name, value) => {
                        flatten(
                            Expression::Element(Box::new([base.clone(), name])),
                            value,
                            terms,
                        );
                    }
                }
            }
        }
        Expression::Constant(Value::Object(object)) if !object.is_empty() => {
            flatten(base, literal(&object), terms)
        }
        value => {
            // An empty search matches every document.
            if !matches!(
                (&base, &value),
                (
                    Expression::Variable(_),
                    Expression::Object(_) | Expression::Constant(Value::Object(_))
                )
            ) {
                terms.push(Expression::Compare(
                    Comparison::Equal,
                    Box::new([base, value]),
                ));
            }
        }
    }
}

/// What a condition compares `current._key` with, if every document that satisfies it has that key.
fn key_in(condition: &Expression, current: Variable) -> Option<Expression> {
    let is_key = |expression: &Expression| match expression.attribute_path() {
        Some((variable, names)) => {
            variable.id == current.id && names.len() == 1 && &**names[0] == "_key"
        }
        None => false,
    };
    match condition {
        Expression::And(parts) => key_in(&parts[0], current).or_else(|| key_in(&parts[1], current)),
        Expression::Compare(Comparison::Equal, parts)
            if is_key(&parts[0]) && !parts[1].uses(current) =>
        {
            Some(parts[1].clone())
        }
        Expression::Compare(Comparison::Equal, parts)
            if is_key(&parts[1]) && !parts[0].uses(current) =>
        {
            Some(parts[0].clone())
        }
        _ => None,
    }
}
