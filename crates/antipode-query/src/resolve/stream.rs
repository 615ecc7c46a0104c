//! Resolving what reads and writes streams.

use antipode_c8ql::ast::{self, Expr, Target};
use antipode_value::{Str, Value};

use super::{Resolver, ScopeKind};
use crate::error::{Code, Result};
use crate::expression::{Expression, Member};
use crate::plan::{Node, NodeKind, Publish};
use crate::source::{OnGap, PayloadFormat, StreamFrom, StreamId, StreamRead, StreamUntil};

impl Resolver<'_> {
    pub(super) fn for_stream(
        &mut self,
        target: &Target,
        source: &ast::DataSource,
        options: Option<&Expr>,
        nodes: &mut Vec<Node>,
    ) -> Result<()> {
        let stream = self.stream(source)?;
        if self.published.contains(&stream.name) {
            let message = format!(
                "access after data-modification by the same query: stream '{}'",
                stream.name
            );
            return Err(self.error(Code::AccessAfterModification, message, source.span));
        }
        let read = self.stream_read(stream.id, options)?;
        self.scopes.open(ScopeKind::For);
        let (variable, parts) = self.loop_variable(target)?;
        self.node(
            NodeKind::EnumerateStream {
                stream,
                read: Box::new(read),
                variable,
            },
            nodes,
        )?;
        if parts {
            self.bind_parts(target, Expression::Variable(variable), nodes)?;
        }
        Ok(())
    }

    fn stream_read(&mut self, stream: StreamId, options: Option<&Expr>) -> Result<StreamRead> {
        let mut read = StreamRead {
            stream,
            from: StreamFrom::Earliest,
            until: StreamUntil::Now,
            regions: None,
            key: None,
            on_gap: OnGap::Error,
            format: PayloadFormat::Json,
        };
        let span = options.map(|options| options.span).unwrap_or_default();
        for (name, value) in self.options(options)? {
            let understood = match &*name {
                "from" => stream_from(&value).map(|from| read.from = from),
                "until"
                    if value.as_str() == Some("never") || !value.attribute("idle").is_null() =>
                {
                    let message = "a query reads a bounded part of a stream: until \"now\", {at: …} or {id: …}";
                    return Err(self.error(Code::StreamUnbounded, message, span));
                }
                "until" => stream_until(&value).map(|until| read.until = until),
                "regions" => texts(&value).map(|regions| read.regions = Some(regions)),
                "key" => value.as_str().map(|key| read.key = Some(key.to_owned())),
                "onGap" => on_gap(&value).map(|on_gap| read.on_gap = on_gap),
                "format" => payload_format(&value).map(|format| read.format = format),
                "maxWait" => Some(()),
                "group" | "ack" => {
                    let message = "named subscriptions inside a query are not implemented yet";
                    return Err(self.error(Code::NotImplemented, message, span));
                }
                name => {
                    self.unknown_option("FOR … IN STREAM", name);
                    Some(())
                }
            };
            if understood.is_none() {
                let message = format!("illegal value of option '{name}'");
                return Err(self.error(Code::BadParameter, message, span));
            }
        }
        Ok(read)
    }

    pub(super) fn publish(
        &mut self,
        operation: &ast::Publish,
        nodes: &mut Vec<Node>,
    ) -> Result<()> {
        let payload = self.expression(&operation.payload)?;
        let stream = self.stream(&operation.stream)?;
        let mut publish = Publish {
            stream,
            payload,
            envelope: false,
            key: None,
            properties: None,
            event_time: None,
            format: PayloadFormat::Json,
            new: None,
        };
        if let Some(options) = &operation.options {
            self.publish_options(&mut publish, options)?;
        }
        if self.published.contains(&publish.stream.name) {
            let message = format!(
                "stream '{}' is written twice by the same query",
                publish.stream.name
            );
            return Err(self.error(
                Code::AccessAfterModification,
                message,
                operation.stream.span,
            ));
        }
        self.published.push(publish.stream.name.clone());
        publish.new = Some(self.special("NEW"));
        self.node(NodeKind::Publish(Box::new(publish)), nodes)
    }

    /// Key, properties and event time may be expressions, unlike other options.
    fn publish_options(&mut self, publish: &mut Publish, options: &Expr) -> Result<()> {
        let resolved = self.expression(options)?;
        let members: Vec<(Str, Expression)> = match self.settle_objects(resolved) {
            Expression::Constant(Value::Object(object)) => object
                .to_pairs()
                .into_iter()
                .map(|(name, value)| (name, Expression::Constant(value)))
                .collect(),
            Expression::Object(members) => members
                .into_iter()
                .filter_map(|member| match member {
                    Member::Named(name, value) => Some((name, value)),
                    Member::Computed(..) => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        for (name, value) in members {
            match (&*name, value) {
                ("key", value) => publish.key = Some(value),
                ("properties", value) => publish.properties = Some(value),
                ("eventTime", value) => publish.event_time = Some(value),
                ("envelope", value) => {
                    let value = self.settle(value);
                    publish.envelope = value.constant().is_some_and(Value::truthy)
                }
                ("format", value) => match self.settle(value).constant().and_then(payload_format) {
                    Some(format) => publish.format = format,
                    None => {
                        let message = "format is \"json\", \"text\" or \"bytes\"";
                        return Err(self.error(Code::BadParameter, message, options.span));
                    }
                },
                ("delayMs", _) => {
                    let message = "delayed messages are not implemented yet";
                    return Err(self.error(Code::NotImplemented, message, options.span));
                }
                (name, _) => self.unknown_option("INSERT INTO STREAM", name),
            }
        }
        Ok(())
    }
}

fn stream_from(value: &Value) -> Option<StreamFrom> {
    match value {
        Value::String(text) if text.as_str() == "earliest" => Some(StreamFrom::Earliest),
        Value::String(text) if text.as_str() == "latest" => Some(StreamFrom::Latest),
        Value::Object(object) => {
            let only = object.iter().next()?;
            match (&*only.0, &only.1) {
                ("after", Value::String(id)) => Some(StreamFrom::After(id.to_string())),
                ("at", at) => Some(StreamFrom::At(moment(at)?)),
                ("last", last) => Some(StreamFrom::Last(u64::try_from(last.as_int()?).ok()?)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn stream_until(value: &Value) -> Option<StreamUntil> {
    match value {
        Value::String(text) if text.as_str() == "now" => Some(StreamUntil::Now),
        Value::Object(object) => {
            let only = object.iter().next()?;
            match (&*only.0, &only.1) {
                ("id", Value::String(id)) => Some(StreamUntil::Id(id.to_string())),
                ("at", at) => Some(StreamUntil::At(moment(at)?)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A time in ms; as ISO text if the date functions can read it.
fn moment(value: &Value) -> Option<i64> {
    match value {
        Value::Int(_) | Value::Float(_) => Some(value.to_int()),
        Value::String(_) => {
            let function = crate::function::find("DATE_TIMESTAMP")?;
            let call = Expression::Call(function, vec![Expression::Constant(value.clone())]);
            let environment = crate::context::Environment::default();
            let time = super::fold::value(&call, &environment, &[])?;
            time.as_int()
        }
        _ => None,
    }
}

fn on_gap(value: &Value) -> Option<OnGap> {
    match value.as_str()? {
        "error" => Some(OnGap::Error),
        "skip" => Some(OnGap::Skip),
        _ => None,
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value
        .as_array()?
        .iter()
        .map(|text| text.as_str().map(str::to_owned))
        .collect()
}

fn payload_format(value: &Value) -> Option<PayloadFormat> {
    match value.as_str()? {
        "json" => Some(PayloadFormat::Json),
        "text" => Some(PayloadFormat::Text),
        "bytes" => Some(PayloadFormat::Bytes),
        _ => None,
    }
}
